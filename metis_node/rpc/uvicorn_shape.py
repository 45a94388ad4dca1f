"""The private names of uvicorn that the HTTP front builds upon, and the check that they exist."""

from __future__ import annotations

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

UVICORN_VERSION = "0.54.0"
USED_OF_UVICORN = (
    "_get_upgrade",
    "_should_upgrade",
    "_start_asgi_task",
    "_unset_keepalive_if_required",
    "connection_lost",
    "connection_made",
    "data_received",
    "handle_websocket_upgrade",
    "on_body",
    "on_header",
    "on_headers_complete",
    "on_message_begin",
    "on_message_complete",
    "on_response_complete",
    "on_url",
    "pause_writing",
    "resume_writing",
    "shutdown",
)


def check_uvicorn() -> None:
    """Refuse a uvicorn whose private names are not the ones that this module builds upon."""
    missing = [name for name in USED_OF_UVICORN if not hasattr(HttpToolsProtocol, name)]
    if missing or uvicorn.__version__ != UVICORN_VERSION:
        raise ImportError(
            f"metis_node.rpc needs uvicorn {UVICORN_VERSION}, found {uvicorn.__version__}"
            f" (missing: {', '.join(missing) or 'nothing'}): install from constraints.txt"
        )
