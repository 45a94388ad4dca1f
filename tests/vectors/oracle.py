"""The execution specs as an oracle: the published Python specification, driven block by block.

The specification is imported and run in this process; nothing of the engine is used here. End of
block requests (EIPs 6110, 7002, 7251) are left out, as the engine's blocks carry none.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ethereum.exceptions import EthereumException
from ethereum_rlp import rlp
from ethereum_types.bytes import Bytes, Bytes20, Bytes32
from ethereum_types.numeric import U64, U256, Uint

# A call 1,024 deep is about 12,000 frames of the specification's interpreter.
_RECURSION_LIMIT = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleLog:
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleReceipt:
    """What the specification says of one included transaction."""

    success: bool
    gas_used: int
    cumulative_gas_used: int
    logs: tuple[OracleLog, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleBlock:
    """Commitments over a finished block."""

    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    logs_bloom: bytes
    gas_used: int
    blob_gas_used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockContext:
    """The header fields that execution sees."""

    number: int
    timestamp: int
    gas_limit: int
    base_fee_per_gas: int
    beneficiary: bytes
    prev_randao: bytes
    excess_blob_gas: int
    parent_beacon_block_root: bytes
    block_hashes: tuple[bytes, ...]  # up to 256, oldest first, the parent last


class Refused(Exception):
    """The specification says that the block with this transaction would be invalid.

    `reason` is the name of the specification's exception.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


class Oracle:
    """State of one chain under one fork's specification, and the block that is being executed."""

    def __init__(self, fork: str, chain_id: int) -> None:
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))
        self.fork = fork
        self.chain_id = chain_id
        self._bind(fork)
        self.state: Any = self._state.State()
        self._environment: Any = None
        self._output: Any = None

    def _bind(self, fork: str) -> None:
        def load(name: str) -> ModuleType:
            return importlib.import_module(f"ethereum.forks.{fork}.{name}")

        self._fork, self._state, self._trie = load("fork"), load("state"), load("trie")
        self._vm, self._types, self._blocks = load("vm"), load("fork_types"), load("blocks")
        self._transactions, self._bloom = load("transactions"), load("bloom")
        self._gas = load("vm.gas")

    # --- state ---

    def set_account(
        self,
        address: bytes,
        *,
        balance: int = 0,
        nonce: int = 0,
        code: bytes = b"",
        storage: Mapping[int, int] | None = None,
    ) -> None:
        """Place an account, as a genesis allocation does."""
        account = self._types.Account(nonce=Uint(nonce), balance=U256(balance), code=Bytes(code))
        self._state.set_account(self.state, Bytes20(address), account)
        for slot, value in (storage or {}).items():
            self._state.set_storage(
                self.state, Bytes20(address), Bytes32(slot.to_bytes(32, "big")), U256(value)
            )

    def account(self, address: bytes) -> tuple[int, int, bytes]:
        """(nonce, balance, code), zeros where the account does not exist."""
        found = self._state.get_account(self.state, Bytes20(address))
        return int(found.nonce), int(found.balance), bytes(found.code)

    def exists(self, address: bytes) -> bool:
        return bool(self._state.account_exists(self.state, Bytes20(address)))

    def storage(self, address: bytes) -> dict[bytes, int]:
        """All slots of one account."""
        found = self.state._storage_tries.get(Bytes20(address))
        return {} if found is None else {bytes(k): int(v) for k, v in found._data.items()}

    def addresses(self) -> list[bytes]:
        """All existing accounts."""
        return [bytes(address) for address in self.state._main_trie._data]

    def state_root(self) -> bytes:
        return bytes(self._state.state_root(self.state))

    def switch_fork(self, fork: str) -> None:
        """Continue under another fork's specification with the same state."""
        accounts = {a: (*self.account(a), self.storage(a)) for a in self.addresses()}
        self.fork = fork
        self._bind(fork)
        self.state = self._state.State()
        for address, (nonce, balance, code, slots) in accounts.items():
            storage = {int.from_bytes(k, "big"): v for k, v in slots.items()}
            self.set_account(address, balance=balance, nonce=nonce, code=code, storage=storage)

    # --- blocks ---

    def next_excess_blob_gas(self, parent: bytes) -> int:
        """EIP-4844 and, from Osaka, EIP-7918, after the header `parent`."""
        header = rlp.decode_to(self._blocks.Header, Bytes(parent))
        return int(self._gas.calculate_excess_blob_gas(header))

    def begin_block(self, context: BlockContext) -> None:
        """Open a block and make the system calls of EIPs 4788 and 2935."""
        self._environment = self._vm.BlockEnvironment(
            chain_id=U64(self.chain_id),
            state=self.state,
            block_gas_limit=Uint(context.gas_limit),
            block_hashes=[Bytes32(item) for item in context.block_hashes],
            coinbase=Bytes20(context.beneficiary),
            number=Uint(context.number),
            base_fee_per_gas=Uint(context.base_fee_per_gas),
            time=U256(context.timestamp),
            prev_randao=Bytes32(context.prev_randao),
            excess_blob_gas=U64(context.excess_blob_gas),
            parent_beacon_block_root=Bytes32(context.parent_beacon_block_root),
        )
        self._output = self._vm.BlockOutput()
        self._system_call(self._fork.BEACON_ROOTS_ADDRESS, context.parent_beacon_block_root)
        self._system_call(self._fork.HISTORY_STORAGE_ADDRESS, context.block_hashes[-1])

    def _system_call(self, target: Any, data: bytes) -> None:
        self._fork.process_unchecked_system_transaction(self._environment, target, Bytes(data))

    def execute(self, raw: bytes) -> OracleReceipt:
        """Execute the next transaction of the block. Refused leaves the block as it was."""
        index = len(self._output.receipt_keys)
        before, logs_before = int(self._output.block_gas_used), len(self._output.block_logs)
        transaction = self._decode(raw)
        try:
            self._fork.process_transaction(
                self._environment, self._output, transaction, Uint(index)
            )
        except (EthereumException, OverflowError) as error:
            self._trie.trie_set(self._output.transactions_trie, rlp.encode(Uint(index)), None)
            raise Refused(type(error).__name__, str(error)) from error
        return self._receipt(index, before, logs_before)

    def _decode(self, raw: bytes) -> Any:
        try:
            if raw[0] < 0x80:
                return self._transactions.decode_transaction(Bytes(raw))
            return rlp.decode_to(self._transactions.LegacyTransaction, Bytes(raw))
        except (EthereumException, OverflowError) as error:
            raise Refused("Undecodable", str(error)) from error

    def _receipt(self, index: int, gas_before: int, logs_before: int) -> OracleReceipt:
        stored = self._trie.trie_get(self._output.receipts_trie, rlp.encode(Uint(index)))
        receipt = self._blocks.decode_receipt(stored)
        logs = self._output.block_logs[logs_before:]
        return OracleReceipt(
            success=bool(receipt.succeeded),
            gas_used=int(self._output.block_gas_used) - gas_before,
            cumulative_gas_used=int(self._output.block_gas_used),
            logs=tuple(
                OracleLog(
                    address=bytes(log.address),
                    topics=tuple(bytes(topic) for topic in log.topics),
                    data=bytes(log.data),
                )
                for log in logs
            ),
        )

    def end_block(self) -> OracleBlock:
        """Commitments of the block; the state stays as it is."""
        output = self._output
        return OracleBlock(
            state_root=self.state_root(),
            transactions_root=bytes(self._trie.root(output.transactions_trie)),
            receipts_root=bytes(self._trie.root(output.receipts_trie)),
            logs_bloom=bytes(self._bloom.logs_bloom(output.block_logs)),
            gas_used=int(output.block_gas_used),
            blob_gas_used=int(output.blob_gas_used),
        )
