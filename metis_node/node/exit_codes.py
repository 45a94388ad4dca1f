"""Exit codes of the command line, as docs/operations.md lists them; a code never changes."""

from __future__ import annotations

from enum import IntEnum

from metis_node.errors import Fatal, Invalid, Temporary


class ExitCode(IntEnum):
    OK = 0
    UNEXPECTED = 1  # a fault in this software: please report it
    USAGE = 2  # the command line itself is wrong
    INVALID = 3  # a configuration, genesis, key file or argument is wrong
    FATAL = 4  # the node cannot go on: locked or damaged database, contradiction with the L1
    UNAVAILABLE = 5  # something that is needed does not answer: try again later
    FAILED_CHECK = 6  # the command ran, and what it checked is not in order
    INTERRUPTED = 130  # Ctrl-C during a command that is not a daemon


def exit_code_of(error: BaseException) -> ExitCode:
    """The code of an error, by the family that says who must act."""
    match error:
        case Invalid():
            return ExitCode.INVALID
        case Fatal():
            return ExitCode.FATAL
        case Temporary():
            return ExitCode.UNAVAILABLE
        case KeyboardInterrupt():
            return ExitCode.INTERRUPTED
        case _:
            return ExitCode.UNEXPECTED
