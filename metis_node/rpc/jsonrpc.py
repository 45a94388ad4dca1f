"""JSON-RPC 2.0: bytes in, bytes out. No transport and no method's meaning lives here.

A call whose handler answers at once is answered at once, without a task. Calls of one batch run in
order; a run of the same batchable method is one call of its `many`. Rules that the specification
leaves open follow geth: named parameters are refused, a notification gets no answer, an empty
batch is an invalid request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Any

import orjson

from metis_node.errors import InvalidRequest
from metis_node.rpc import errors
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.session import Session

Respond = Callable[[bytes], None]

MISSING = object()  # a request without `id`: a notification
PLAIN = frozenset((dict, list, str, bool, type(None), int, orjson.Fragment))


def failure(ident: object, error: dict[str, Any]) -> bytes:
    """An answer with an `error` member."""
    return orjson.dumps({"jsonrpc": "2.0", "id": ident, "error": error})


PARSE_FAILURE = failure(None, errors.error_member(errors.PARSE_ERROR, "parse error: not JSON"))
NOT_A_REQUEST = errors.error_member(errors.INVALID_REQUEST, "invalid request")
TOO_LARGE = errors.error_member(errors.RESPONSE_TOO_LARGE, "response too large")
TIMED_OUT = errors.error_member(errors.TIMED_OUT, "request timed out: the batch took too long")


class Deferred:
    """An answer that is not there yet. Whoever gets one sets `respond` before the loop turns; it is
    called once, from the loop. b"" is an answer without content."""

    __slots__ = ("quiet", "respond")

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet  # of a notification: answered without content
        self.respond: Respond = _unset

    def settle(self, payload: bytes) -> None:
        self.respond(b"" if self.quiet else payload)


class Dispatcher:
    """Answers requests by a table of methods."""

    def __init__(self, methods: Iterable[Method], limits: RpcLimits) -> None:
        self.methods = {method.name: method for method in methods}
        self.refused = Method("(refused)", lambda _params, _session: None)
        self.limits = limits
        self._tasks: set[asyncio.Future[Any]] = set()

    def handle(self, body: bytes, session: Session) -> bytes | Deferred:
        """The answer, now or later; b"" is one without content (notifications). Never raises."""
        if session.bucket is not None and session.bucket.tokens < 1:
            waiting = self._over_rate(session, 1)
            if waiting is not None:
                return waiting
            session.bucket.tokens += 1  # only looked: the calls are counted below
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            self.refused.errors += 1
            return PARSE_FAILURE
        if type(request) is dict:
            return self._single(request, session)
        if type(request) is list:
            return self._batch(request, session)
        self.refused.errors += 1
        return failure(None, NOT_A_REQUEST)

    async def answer(self, body: bytes, session: Session) -> bytes:
        """`handle` for those who can wait."""
        answer = self.handle(body, session)
        if isinstance(answer, bytes):
            return answer
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        answer.respond = lambda payload: None if future.done() else future.set_result(payload)
        return await future

    async def close(self, grace_s: float = 0.0) -> None:
        """Let what is being answered end within this time, and cancel the rest."""
        if self._tasks and grace_s:
            await asyncio.wait(tuple(self._tasks), timeout=grace_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- one call

    def _single(self, request: dict[str, Any], session: Session) -> bytes | Deferred:
        if session.bucket is not None:
            refusal = self._over_rate(session, 1, request.get("id"))
            if refusal is not None:
                return refusal
        ident, method, params, error = self._parse(request)
        if error is not None or method is None:
            self.refused.errors += 1
            return b"" if ident is MISSING else failure(ident, error or NOT_A_REQUEST)
        started = perf_counter()
        shown = None if ident is MISSING else ident
        answer = self._call(shown, method, params, session, started)
        if isinstance(answer, bytes):
            return b"" if ident is MISSING else answer
        deferred = Deferred(quiet=ident is MISSING)
        self._answer_later(answer, shown, method, started, deferred)
        return deferred

    def _call(
        self,
        ident: object,
        method: Method,
        params: list[Any],
        session: Session,
        started: float,
    ) -> bytes | Awaitable[Any]:
        """The answer, or what the result is to be awaited from."""
        try:
            result = method.handler(params, session)
            if type(result) not in PLAIN:
                return result  # type: ignore[no-any-return]
            payload = orjson.dumps({"jsonrpc": "2.0", "id": ident, "result": result})
        except Exception as exception:
            return self._failed(ident, method, exception, started)
        method.observe(perf_counter() - started)
        return payload

    def _answer_later(
        self,
        awaitable: Awaitable[Any],
        ident: object,
        method: Method,
        started: float,
        deferred: Deferred,
    ) -> None:
        if isinstance(awaitable, asyncio.Future):
            future = awaitable
        else:
            future = asyncio.ensure_future(awaitable)
            self._tasks.add(future)

        def done(future: asyncio.Future[Any]) -> None:
            self._tasks.discard(future)
            deferred.settle(self._outcome(ident, method, future, started))

        future.add_done_callback(done)

    def _outcome(
        self, ident: object, method: Method, future: asyncio.Future[Any], started: float
    ) -> bytes:
        try:
            result = future.result()
            if method.finish is not None:
                result = method.finish(result)
            payload = orjson.dumps({"jsonrpc": "2.0", "id": ident, "result": result})
        except asyncio.CancelledError:
            stopping = InvalidRequest("the node is shutting down", code=errors.REFUSED)
            return self._failed(ident, method, stopping, started)
        except Exception as exception:
            return self._failed(ident, method, exception, started)
        method.observe(perf_counter() - started)
        return payload

    def _failed(self, ident: object, method: Method, exception: Exception, started: float) -> bytes:
        method.errors += 1
        method.observe(perf_counter() - started)
        return failure(ident, errors.error_of(exception, method.name))

    def _parse(self, request: Any) -> tuple[Any, Method | None, list[Any], dict[str, Any] | None]:
        """(id, method, parameters, error); one of method and error is None."""
        if type(request) is not dict:
            return None, None, [], NOT_A_REQUEST
        ident = request.get("id", MISSING)
        if type(ident) in (dict, list, bool):
            return None, None, [], NOT_A_REQUEST
        name = request.get("method")
        if type(name) is not str or request.get("jsonrpc") != "2.0":
            return None if ident is MISSING else ident, None, [], NOT_A_REQUEST
        method = self.methods.get(name)
        if method is None:
            return ident, None, [], errors.method_not_found(name)
        params = request.get("params")
        if type(params) is list:
            return ident, method, params, None
        if params is None:
            return ident, method, [], None
        return ident, None, [], errors.error_member(errors.INVALID_PARAMS, "non-array args")

    def _over_rate(self, session: Session, count: int, ident: object = None) -> bytes | None:
        bucket = session.bucket
        if bucket is None:
            return None
        wait = bucket.take(count, perf_counter())
        if not wait:
            return None
        self.refused.errors += count
        text = f"rate limit of {bucket.rate:g} calls per second exceeded: retry in {wait:.3f} s"
        ident = None if type(ident) in (dict, list, bool) else ident
        return failure(ident, errors.error_member(errors.LIMIT_EXCEEDED, text))

    # --- batches

    def _batch(self, requests: list[Any], session: Session) -> bytes | Deferred:
        if not requests:
            self.refused.errors += 1
            return failure(None, errors.error_member(errors.INVALID_REQUEST, "empty batch"))
        bound = self.limits.batch_entries
        if len(requests) > bound:
            self.refused.errors += 1
            text = f"batch too large: {len(requests)} entries, at most {bound}"
            return failure(None, errors.error_member(errors.INVALID_REQUEST, text))
        refusal = self._over_rate(session, len(requests))
        if refusal is not None:
            return refusal
        deferred = Deferred()
        task = asyncio.get_running_loop().create_task(self._run_batch(requests, session, deferred))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return deferred

    async def _run_batch(self, requests: list[Any], session: Session, deferred: Deferred) -> None:
        answers = Answers(self.limits.batch_response_bytes)
        try:
            await self._fill(answers, requests, session)
        except asyncio.CancelledError:
            stopping = errors.error_member(errors.REFUSED, "the node is shutting down")
            deferred.settle(failure(None, stopping))
            raise
        except Exception as exception:  # a client that gets no answer waits for ever
            deferred.settle(failure(None, errors.error_of(exception, "(batch)")))
            return
        deferred.settle(answers.joined())

    async def _fill(self, answers: Answers, requests: list[Any], session: Session) -> None:
        slice_s = self.limits.batch_slice_ms / 1000
        now = yielded = perf_counter()
        deadline = now + self.limits.batch_timeout_ms / 1000
        index = 0
        while index < len(requests):
            ident, method, params, error = self._parse(requests[index])
            if error is not None or method is None:
                self.refused.errors += 1
                if ident is not MISSING:
                    answers.add(failure(ident, error or NOT_A_REQUEST))
                index += 1
            elif answers.full:
                answers.refuse(ident, TOO_LARGE)
                index += 1
            elif now >= deadline:
                answers.refuse(ident, TIMED_OUT)
                index += 1
            elif method.many is not None:
                run = self._run_of(method, requests, index)
                await self._call_many(answers, method, run)
                index += len(run)
            else:
                shown = None if ident is MISSING else ident
                answer = self._call(shown, method, params, session, now)
                if not isinstance(answer, bytes):
                    answer = await self._awaited(answer, shown, method, now)
                if ident is not MISSING:
                    answers.add(answer, ident)
                index += 1
            now = perf_counter()
            if now - yielded > slice_s:
                await asyncio.sleep(0)
                now = yielded = perf_counter()

    def _run_of(
        self, method: Method, requests: list[Any], start: int
    ) -> list[tuple[Any, list[Any]]]:
        """(id, parameters) of the valid calls of the same method that stand next to each other."""
        run = []
        for index in range(start, len(requests)):
            ident, other, params, _ = self._parse(requests[index])
            if other is not method:
                break
            run.append((ident, params))
        return run

    async def _call_many(
        self, answers: Answers, method: Method, run: list[tuple[Any, list[Any]]]
    ) -> None:
        started = perf_counter()
        try:
            assert method.many is not None
            results = await method.many([params for _, params in run])
        except Exception as exception:
            results = [exception] * len(run)
        method.observe_many(len(run), perf_counter() - started)
        for (ident, _), result in zip(run, results, strict=True):
            failed = isinstance(result, Exception)
            method.errors += failed
            if ident is MISSING:
                continue
            if failed:
                answers.add(failure(ident, errors.error_of(result, method.name)))
            else:
                answers.add(orjson.dumps({"jsonrpc": "2.0", "id": ident, "result": result}))

    async def _awaited(
        self, awaitable: Awaitable[Any], ident: object, method: Method, started: float
    ) -> bytes:
        try:
            result = await awaitable
            if method.finish is not None:
                result = method.finish(result)
            payload = orjson.dumps({"jsonrpc": "2.0", "id": ident, "result": result})
        except Exception as exception:
            return self._failed(ident, method, exception, started)
        method.observe(perf_counter() - started)
        return payload


class Answers:
    """The answers of one batch, bounded in bytes; what does not fit becomes an error."""

    __slots__ = ("_bound", "_parts", "_size", "full")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._parts: list[bytes] = []
        self._size = 0
        self.full = False

    def add(self, payload: bytes, ident: object = None) -> None:
        self._size += len(payload) + 1
        if self._size > self._bound:
            self.full = True
            payload = failure(ident, TOO_LARGE)
        self._parts.append(payload)

    def refuse(self, ident: object, error: dict[str, Any]) -> None:
        """Answer a call that is not made any more."""
        if ident is not MISSING:
            self._parts.append(failure(ident, error))

    def joined(self) -> bytes:
        """The batch's answer; b"" where all of it were notifications."""
        return b"[" + b",".join(self._parts) + b"]" if self._parts else b""


def _unset(_payload: bytes) -> None:
    raise AssertionError("an answer came before anyone asked for it")
