"""The error families, sorted by who must act. No other room's vocabulary may live here.

    MetisError
    ├── Invalid            they did: refuse the input, blame its sender, go on
    │   ├── InvalidTransaction   code: a `TransactionError` member's name
    │   ├── InvalidBlock         header rule, body, or execution result differs
    │   ├── InvalidRequest       a JSON-RPC parameter or an execution request
    │   ├── InvalidBatch         batch data on L1 that does not decode
    │   └── InvalidConfig        configuration, genesis file or key file
    ├── BftError           an input that the agreement's driver was kept from; see its `kind`
    ├── Temporary          nobody did: try again with back-off
    └── Fatal              the operator must act: stop, and say what to do
        ├── CorruptStore
        ├── StoreLocked
        └── SchemaMismatch

Every message says what is wrong and how to mend it. Facts go into `facts`, for logs and metrics.
The native crate raises these very classes.
"""

from __future__ import annotations


class MetisError(Exception):
    """Base of every error this project raises on purpose."""

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


class Invalid(MetisError):
    """Somebody gave us something wrong."""


class InvalidTransaction(Invalid):
    """A transaction that cannot be accepted. `code` is stable, `message` uses geth's words."""

    def __init__(self, message: str, code: str = "invalid", **facts: object) -> None:
        super().__init__(message, **facts)
        self.code = code


class InvalidBlock(Invalid):
    """A block that breaks a header rule, or whose execution gives another result than it claims."""


class InvalidRequest(Invalid):
    """A request whose parameters are malformed or ask for what cannot be done.

    `code` is the JSON-RPC error code (-32602 malformed, -32000 refused, 3 reverted);
    `data` is its `data` member, if any (the revert output, 0x-prefixed).
    """

    def __init__(
        self, message: str, code: int = -32602, data: str | None = None, **facts: object
    ) -> None:
        super().__init__(message, **facts)
        self.code = code
        self.data = data


class InvalidBatch(Invalid):
    """Batch data that does not decode within the bounds of `docs/protocol/batches.md`."""


class InvalidConfig(Invalid):
    """A configuration, genesis or key file with a wrong key or value."""


class BftError(MetisError):
    """An input that `_native.BftDriver` refused before its driver saw it, or a driver that failed.

    `kind` is stable: `argument`, `validators`, `unknown_validator`, `order`, `proposer`, `twice`,
    `validity`, `window`, `certificate`; after `poisoned` the object is of no more use.
    """

    def __init__(self, message: str, kind: str, **facts: object) -> None:
        super().__init__(message, **facts)
        self.kind = kind


class Temporary(MetisError):
    """A condition that passes: retry with back-off."""


class Fatal(MetisError):
    """The node must stop and the operator must act."""


class CorruptStore(Fatal):
    """The database contradicts itself."""


class StoreLocked(Fatal):
    """Another process holds the data directory."""


class SchemaMismatch(Fatal):
    """The database was written by another version of this software."""
