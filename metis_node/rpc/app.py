"""The FastAPI application: health, metrics and docs for people and probes.

JSON-RPC over HTTP normally never comes here (see `front.py`); the route below answers what reaches
it all the same: servers without the front, and requests in absolute form.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.routing import WebSocketRoute

import metis_node
from metis_node.rpc import errors
from metis_node.rpc.backend import Backend, Check
from metis_node.rpc.desk import Desk
from metis_node.rpc.jsonrpc import failure
from metis_node.rpc.leadership import leadership
from metis_node.rpc.session import Session
from metis_node.rpc.websocket import WebSocketFace

JSON = "application/json"


def create_app(backend: Backend, desk: Desk, face: WebSocketFace) -> FastAPI:
    """Everything that is served on the RPC port beside the short way."""
    app = FastAPI(
        title="metis-node",
        version=metis_node.__version__,
        description="JSON-RPC on POST / and WebSocket /; health and metrics on the routes below.",
    )
    _add_json_rpc(app, desk, face)
    _add_probes(app, backend)
    for router in backend.routers:
        app.include_router(router)
    if desk.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(desk.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )
    return app


def _add_json_rpc(app: FastAPI, desk: Desk, face: WebSocketFace) -> None:
    @app.post("/", summary="JSON-RPC 2.0, single or batch", response_class=Response)
    async def json_rpc(request: Request) -> Response:
        body = await _bounded_body(request, desk.limits.body_bytes)
        if body is None:
            text = f"request body above {desk.limits.body_bytes} bytes"
            refusal = failure(None, errors.error_member(errors.INVALID_REQUEST, text))
            return Response(refusal, 413, media_type=JSON)
        client = request.client.host if request.client else "local"
        bucket = desk.rates.bucket(client, perf_counter())
        session = Session(client, bucket, is_page="origin" in request.headers)
        payload = await desk.dispatcher.answer(body, session)
        return Response(payload, media_type=JSON)

    for path in ("/", "/ws"):
        app.router.routes.append(WebSocketRoute(path, face))


def _add_probes(app: FastAPI, backend: Backend) -> None:
    @app.get("/healthz", summary="Is the process alive?")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "version": backend.client_version}

    @app.get("/readyz", summary="May it be used? 503 with the reasons if not")
    async def readyz() -> Response:
        problems = readiness_problems(backend.checks)
        body = {
            "ready": not problems,
            "problems": problems,
            "head": backend.blockchain.head.number,
        }
        return Response(orjson.dumps(body), 503 if problems else 200, media_type=JSON)

    @app.get("/leader", summary="Does this node build the next block? 503 if not")
    async def leader() -> Response:
        body = leadership(backend)
        return Response(orjson.dumps(body), 200 if body["leader"] else 503, media_type=JSON)

    @app.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(backend.registry), media_type=CONTENT_TYPE_LATEST)


def readiness_problems(checks: Sequence[Check]) -> dict[str, str]:
    """What keeps the node from being ready, by the name of the check."""
    problems = {}
    for check in checks:
        problem = check.problem()
        if problem is not None:
            problems[check.name] = problem
    return problems


async def _bounded_body(request: Request, bound: int) -> bytes | None:
    """The body; None once it exceeds the bound, without reading on."""
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > bound:
            return None
        parts.append(part)
    return b"".join(parts)
