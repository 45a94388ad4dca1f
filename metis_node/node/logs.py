"""Log output: readable on a terminal, one JSON object per line elsewhere.

Who logs what is up to the hosts; only the form is decided here. Logs go to standard error, so that
standard output belongs to what a command prints.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(*, level: str = "info", form: str = "auto") -> None:
    """Set up structlog, and send the standard library's loggers (uvicorn, web3) the same way."""
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S.%f" if as_text else "iso", utc=not as_text),
    ]
    ending = _text_ending() if as_text else _json_ending()
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
        if as_text
        else structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=False,
    )
    _adopt_standard_loggers(LEVELS[level], [*shared, *ending], as_text=as_text)


def _text_ending() -> list[Any]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=28, exception_formatter=_traceback
        )
    ]


def _traceback(stream: Any, exception: Any) -> None:
    structlog.dev.plain_traceback(stream, exception)


def _json_ending() -> list[Any]:
    return [
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
        structlog.processors.JSONRenderer(
            serializer=lambda event, **_: orjson.dumps(event, default=str)
        ),
    ]


def _adopt_standard_loggers(level: int, processors: list[Any], *, as_text: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_BridgeFormatter(processors, as_text=as_text))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))  # libraries talk too much below a warning
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True


class _BridgeFormatter(logging.Formatter):
    """A record of the standard library in the shape of our own events."""

    def __init__(self, processors: list[Any], *, as_text: bool) -> None:
        super().__init__()
        self._processors = processors
        self._as_text = as_text

    def format(self, record: logging.LogRecord) -> str:
        event: Any = {"event": record.getMessage(), "logger": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        for processor in self._processors:
            event = processor(None, record.levelname.lower(), event)
        return event if isinstance(event, str) else event.decode()
