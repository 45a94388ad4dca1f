"""eth_: execution without a transaction: calls, gas estimates, access lists, simulation.

A short call runs on the event loop under a bound of EVM instructions; a longer one is repeated in
a thread under a bound of time. The rest always runs in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from metis_node.errors import InvalidRequest
from metis_node.rpc import hexadecimal
from metis_node.rpc.backend import Backend
from metis_node.rpc.block_tags import BlockTags
from metis_node.rpc.errors import REFUSED, REVERTED
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.readers import Readers
from metis_node.rpc.session import Session
from metis_node.types.blocks import SealedHeader

if TYPE_CHECKING:
    from metis_node._native import CallResult

REVERT_WORDS = "execution reverted"


class EthCall:
    def __init__(
        self, backend: Backend, readers: Readers, limits: RpcLimits, tags: BlockTags
    ) -> None:
        self._engine = backend.blockchain.engine
        self._readers = readers
        self._limits = limits
        self._tags = tags

    def methods(self) -> list[Method]:
        return [
            Method("eth_call", self.call),
            Method("eth_estimateGas", self.estimate_gas),
            Method("eth_createAccessList", self.create_access_list),
            Method("eth_simulateV1", self.simulate),
        ]

    def call(self, params: list[Any], _session: Session) -> Any:
        request = hexadecimal.encoded_record(params, 0, "transaction")
        sealed = self._tags.header(params, 1)
        if len(params) > 2:
            state, block = _overrides(params)
            return self._readers.run(self._call, request, sealed, state, block)
        result = self._engine.call(
            request,
            sealed.rlp,
            sealed.header.number,
            gas_cap=self._limits.call_gas,
            step_limit=self._limits.call_inline_steps,
        )
        if result is None:
            return self._readers.run(self._call, request, sealed, None, None)
        return output_of(result)

    def estimate_gas(self, params: list[Any], _session: Session) -> Any:
        request = hexadecimal.encoded_record(params, 0, "transaction")
        sealed = self._tags.header(params, 1)
        state, block = _overrides(params)
        return self._readers.run(self._estimate, request, sealed, state, block)

    def create_access_list(self, params: list[Any], _session: Session) -> Any:
        request = hexadecimal.encoded_record(params, 0, "transaction")
        sealed = self._tags.header(params, 1)
        state, _ = _overrides(params)
        return self._readers.run(self._access_list, request, sealed, state)

    def simulate(self, params: list[Any], _session: Session) -> Any:
        payload = hexadecimal.record(params, 0, "payload")
        encoded = hexadecimal.encoded_record(params, 0, "payload")
        calls = payload.get("blockStateCalls")
        if type(calls) is not list or not calls:
            raise InvalidRequest("empty input: want blockStateCalls with at least one block")
        if len(calls) > self._limits.simulate_blocks:
            raise InvalidRequest(
                f"too many blocks: at most {self._limits.simulate_blocks}", code=-38026
            )
        return self._readers.run(self._simulate, encoded, self._tags.header(params, 1))

    # --- in threads

    def _call(
        self, request: bytes, sealed: SealedHeader, state: bytes | None, block: bytes | None
    ) -> str:
        result = self._engine.call(
            request,
            sealed.rlp,
            sealed.number,
            state_overrides=state,
            block_overrides=block,
            gas_cap=self._limits.call_gas,
            deadline_ms=self._limits.call_timeout_ms,
        )
        assert result is not None  # only a bound of steps gives None
        return output_of(result)

    def _estimate(
        self, request: bytes, sealed: SealedHeader, state: bytes | None, block: bytes | None
    ) -> str:
        gas = self._engine.estimate_gas(
            request,
            sealed.rlp,
            sealed.number,
            state_overrides=state,
            block_overrides=block,
            gas_cap=self._limits.call_gas,
            deadline_ms=self._limits.call_timeout_ms,
        )
        return hex(gas)

    def _access_list(
        self, request: bytes, sealed: SealedHeader, state: bytes | None
    ) -> orjson.Fragment:
        return orjson.Fragment(
            self._engine.create_access_list(
                request,
                sealed.rlp,
                sealed.number,
                state_overrides=state,
                gas_cap=self._limits.call_gas,
                deadline_ms=self._limits.call_timeout_ms,
            )
        )

    def _simulate(self, payload: bytes, sealed: SealedHeader) -> orjson.Fragment:
        return orjson.Fragment(
            self._engine.simulate(
                payload,
                sealed.rlp,
                sealed.number,
                gas_cap=self._limits.call_gas,
                deadline_ms=self._limits.call_timeout_ms,
            )
        )


def output_of(result: CallResult) -> str:
    """The output in hex, or geth's error: 3 with the revert's data, -32000 for other failures."""
    if result.success:
        return "0x" + result.output.hex()
    message = result.error or "execution failed"
    if message.startswith(REVERT_WORDS):
        raise InvalidRequest(message, code=REVERTED, data="0x" + result.output.hex())
    raise InvalidRequest(message, code=REFUSED)


def _overrides(params: list[Any]) -> tuple[bytes | None, bytes | None]:
    """State and block overrides, as JSON for the engine."""
    state = hexadecimal.optional_encoded_record(params, 2, "stateOverrides")
    return state, hexadecimal.optional_encoded_record(params, 3, "blockOverrides")
