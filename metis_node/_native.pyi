"""The native crate: EVM execution, state trie, hashing, signatures, agreement. See `native/src/`.

Byte conventions: addresses are 20 bytes, hashes 32 bytes, amounts `int` in wei. "RLP header" is the
Ethereum header of 21 fields (Prague). Everything that computes for long releases the GIL. Errors
are the classes of `metis_node.errors`.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, final

__all__ = [
    "BftDriver",
    "Built",
    "CallResult",
    "Engine",
    "Log",
    "Prepared",
    "Skipped",
    "SystemTransaction",
    "Transaction",
    "TransactionDecoder",
    "TransactionRecord",
    "decode_log_positions",
    "decode_transactions",
    "keccak256",
    "keccak256_many",
    "ordered_trie_root",
    "recover_signers",
    "sign_digest",
    "trie_root",
    "verify_nodes",
    "verify_state",
    "vote_digests",
]

def keccak256(data: bytes) -> bytes: ...
def keccak256_many(items: Sequence[bytes]) -> list[bytes]: ...

@final
class TransactionDecoder:
    """A thread that decodes batches in the order of `submit`, without the interpreter's lock.

    For each answer it writes a byte to the descriptor it was made with; `take` gives the answer as
    `decode_transactions` does. Made by `Engine.decoder`."""

    def submit(self, raws: Sequence[bytes]) -> None:
        """Hand a batch over. RuntimeError after `close`."""
    def take(self) -> list[Transaction | tuple[str, str]] | None:
        """The next answer; None where there is none yet."""
    def close(self) -> None:
        """End the thread after what it has."""

@final
class Transaction:
    """A decoded signed transaction with its recovered sender. Immutable.

    Types 0, 1, 2, 4; type 3 (EIP-4844) only where `allow_blobs` was given. `raw` is the canonical
    EIP-2718 encoding, never with a blob sidecar.
    """

    hash: bytes
    sender: bytes
    type: int
    nonce: int
    gas_limit: int
    max_fee_per_gas: int  # gasPrice of types 0 and 1
    max_priority_fee_per_gas: int  # gasPrice of types 0 and 1
    max_fee_per_blob_gas: int  # 0 unless type 3
    to: bytes | None  # None: contract creation
    value: int
    data: bytes
    chain_id: int | None  # None: legacy without EIP-155
    raw: bytes
    size: int  # len(raw)
    cost: int  # value + gas_limit * max_fee_per_gas + blob gas * max_fee_per_blob_gas, wei
    intrinsic_gas: int  # Prague: 21000, calldata, access list, creation, authorizations
    floor_gas: int  # EIP-7623 calldata floor, 21000 + 10 * tokens
    blob_hashes: list[bytes]
    authorities: list[bytes]  # recovered EIP-7702 authorities, invalid tuples left out
    sidecar: bytes | None  # RLP of the blob sidecar as it came (pooled form), else None
    def to_dict(self) -> dict[str, object]:
        """JSON-RPC shape (hex strings) without the block fields: type, nonce, gas, input, ..."""

def decode_transactions(
    raws: Sequence[bytes], *, chain_id: int, allow_blobs: bool = False
) -> list[Transaction | tuple[str, str]]:
    """Decode and recover all, on all cores. An item that is refused is `(code, message)`.

    Codes: `malformed`, `wrong_chain`, `unsupported_type`, `bad_signature`, `too_large`.
    Legacy transactions without a chain id are accepted (EIP-155 optional), as geth's pool would if
    `--rpc.allow-unprotected-txs` were on; the RPC refuses them by policy.
    """

@final
class SystemTransaction:
    """OP's deposit transaction (type 0x7E), here the first transaction of every block."""

    def __new__(
        cls,
        *,
        source_hash: bytes,
        sender: bytes,
        to: bytes,
        mint: int,
        value: int,
        gas_limit: int,
        is_system: bool,
        data: bytes,
    ) -> SystemTransaction: ...
    @staticmethod
    def decode(raw: bytes) -> SystemTransaction: ...
    raw: bytes
    hash: bytes
    source_hash: bytes
    sender: bytes
    to: bytes
    mint: int
    value: int
    gas_limit: int
    is_system: bool
    data: bytes

@final
class Log:
    address: bytes
    topics: list[bytes]
    data: bytes

@final
class TransactionRecord:
    """One transaction with its receipt, as stored under `x ‖ be64(number) ‖ be32(index)`."""

    @staticmethod
    def decode(value: bytes) -> TransactionRecord: ...
    raw: bytes
    hash: bytes
    type: int
    sender: bytes
    to: bytes | None
    nonce: int
    success: bool
    gas_used: int
    cumulative_gas_used: int
    effective_gas_price: int
    contract_address: bytes | None
    first_log_index: int  # index within the block of this transaction's first log
    logs: list[Log]
    bloom: bytes
    blob_gas_used: int
    def transaction_dict(self) -> dict[str, object]:
        """JSON-RPC shape of the transaction without the block fields (works for type 0x7E too)."""
    def receipt_dict(self, block_hash: str, number: str, index: str) -> dict[str, object]:
        """The whole JSON-RPC receipt, geth's keys."""
    def receipt_raw(self) -> bytes:
        """EIP-2718 encoding of the receipt (debug_getRawReceipts)."""

@final
class Skipped:
    """A candidate that a build left out."""

    index: int  # into the candidates
    # nonce_low nonce_high funds fee_low gas_limit block_full size deadline invalid
    code: str
    message: str

@final
class Built:
    """A sealed block that has not been written. Its effects are dropped: import it by `verify`."""

    header: bytes  # RLP, sealed
    hash: bytes
    gas_used: int
    size: int  # bytes of all transactions
    included: list[int]  # indexes into the candidates, in block order
    skipped: list[Skipped]
    transactions: list[bytes]  # raw, system transactions first
    deadline_hit: bool

@final
class Prepared:
    """The effects of one verified block (or of genesis), ready for one atomic write."""

    number: int
    hash: bytes
    header: bytes
    state_root: bytes
    gas_used: int
    transaction_hashes: list[bytes]
    senders: list[bytes]
    log_count: int
    changed: int  # accounts and slots changed
    def writes(self) -> list[tuple[bytes, bytes | None]]:
        """Key and value (None: delete) of state, trie, code, reverse diff, records and indexes."""
    def account_changes(self) -> list[tuple[bytes, int, int]]:
        """(address, nonce, balance) of every account whose nonce or balance the block changed."""
    def records(self) -> list[TransactionRecord]: ...

@final
class CallResult:
    success: bool
    output: bytes
    gas_used: int
    error: str | None  # geth's words: "execution reverted: reason", "out of gas", ...

@final
class Engine:
    """State at the head, and everything that executes on it.

    One writer thread calls `genesis`, `build`, `verify`, `begin_write`, `commit`, `abort`; any
    thread may read. `at` is a block number: the head or one of the last `history_blocks`; a read
    further back raises InvalidRequest(code=-32000, "required historical state unavailable ...").

    rules_json: {"chain_id": int, "forks": [{"timestamp": int, "name": "cancun" | "prague" | ...},
    ...], "system_transactions": bool, "system_must_succeed"?: bool, "blobs": bool,
    "max_block_bytes": int, "base_fee_max_change_denominator": int, "elasticity_multiplier": int}.
    Older fork names ("frontier" ... "shanghai") are taken too, for official fixtures.
    get_many: reads from the committed store; called with the GIL held, from any thread.
    """

    def __new__(
        cls,
        rules_json: bytes,
        get_many: Callable[[list[bytes]], list[bytes | None]],
        *,
        cache_bytes: int = 64 << 20,
        history_blocks: int = 256,
    ) -> Engine: ...
    def open(self, number: int, header: bytes) -> None:
        """Continue at a stored head. CorruptStore if the trie root on disk is not the header's."""
    def genesis(self, header: bytes, alloc_json: bytes) -> Prepared:
        """Block 0. `header` with an empty state root; `Prepared.header` has the right one.

        alloc_json: geth's: {"0xaddress": {"balance": "0x..", "nonce"?, "code"?, "storage"?}}.
        """
    def build(
        self,
        header: bytes,
        system: Sequence[bytes],
        candidates: Sequence[Transaction],
        *,
        max_bytes: int,
        deadline_ms: int | None = None,
        strict: bool = False,
    ) -> Built:
        """Execute on the head and seal.

        `header` is a template: parent hash, beneficiary, number, gas limit, timestamp, extra data,
        mix hash (randomness), base fee and parent beacon block root are taken from it, the rest is
        computed. strict: the first refused candidate raises InvalidBlock (derivation).
        deadline_ms counts from the call; work stops between two transactions.
        Fatal where a system transaction fails that must not, unless strict.
        """
    def verify(self, header: bytes, transactions: Sequence[bytes | Transaction]) -> Prepared:
        """Execute a sealed block on the head from committed state. InvalidBlock names a difference.

        A `Transaction` saves decoding and recovery; nothing else is taken over from anywhere.
        """
    def begin_write(self, prepared: Prepared) -> None:
        """Announce that `prepared.writes()` are about to be stored. Then `commit` or `abort`."""
    def commit(self, prepared: Prepared) -> None: ...
    def abort(self, prepared: Prepared) -> None: ...

    head_number: int
    def account(self, address: bytes, at: int) -> tuple[int, int, bytes, bytes] | None:
        """(nonce, balance, code hash, storage root) or None where the account does not exist."""
    def accounts(self, addresses: Sequence[bytes], at: int) -> list[tuple[int, int]]:
        """(nonce, balance) of each, (0, 0) where absent. One crossing for many."""
    def senders(self, addresses: Sequence[bytes], at: int) -> list[tuple[int, int, bool]]:
        """(nonce, balance, has code) of each: what the mempool asks (an EOA with code is delegated,
        EIP-7702). One crossing for many."""
    def decoder(self, descriptor: int) -> TransactionDecoder:
        """A decoder by the chain's rules that also brings the senders' accounts into the cache.

        descriptor: to write to; it is duplicated."""
    def code(self, address: bytes, at: int) -> bytes: ...
    def storage(self, address: bytes, slot: bytes, at: int) -> bytes: ...
    def proof(
        self,
        address: bytes,
        slots: Sequence[bytes],
        at: int,
        snapshot: Callable[[list[bytes]], list[bytes | None]],
        snapshot_head: int,
    ) -> bytes:
        """JSON of EIP-1186 (eth_getProof). `snapshot` reads one frozen state of the store, whose
        head is block `snapshot_head`."""

    def call(
        self,
        request: bytes,
        header: bytes,
        at: int,
        *,
        state_overrides: bytes | None = None,
        block_overrides: bytes | None = None,
        gas_cap: int = 50_000_000,
        step_limit: int | None = None,
        deadline_ms: int | None = None,
    ) -> CallResult | None:
        """eth_call. JSON arguments as in the RPC. `header` is the block's that it runs in.

        None: `step_limit` instructions were not enough (the caller repeats it off the event loop);
        one that reads the store or much memory counts as 16. With a step limit the GIL is kept.
        InvalidRequest: malformed request, insufficient funds, fee below base fee, time-out.
        """
    def estimate_gas(
        self,
        request: bytes,
        header: bytes,
        at: int,
        *,
        state_overrides: bytes | None = None,
        block_overrides: bytes | None = None,
        gas_cap: int = 50_000_000,
        deadline_ms: int | None = None,
    ) -> int: ...
    def create_access_list(
        self,
        request: bytes,
        header: bytes,
        at: int,
        *,
        state_overrides: bytes | None = None,
        gas_cap: int = 50_000_000,
        deadline_ms: int | None = None,
    ) -> bytes:
        """JSON {"accessList": [...], "gasUsed": "0x..", "error"?: "..."}."""
    def simulate(
        self,
        payload: bytes,
        header: bytes,
        at: int,
        *,
        gas_cap: int = 50_000_000,
        deadline_ms: int | None = None,
    ) -> bytes:
        """eth_simulateV1. JSON in, JSON out (the `result` member).

        Blocks come 12 s apart unless the payload says otherwise. State roots are computed where
        `at` is the head; on an older block they are zero. InvalidRequest has the method's codes
        (-38010 .. -38026).
        """
    def trace_block(
        self,
        header: bytes,
        transactions: Sequence[bytes],
        *,
        index: int | None,
        config: bytes,
        deadline_ms: int | None = None,
        max_bytes: int = 256 << 20,
    ) -> bytes:
        """Re-execute on the parent's state. JSON of one trace (`index`) or of a list of
        {"txHash", "result"} (None). config: geth's TraceConfig JSON."""
    def trace_call(
        self,
        request: bytes,
        header: bytes,
        at: int,
        *,
        config: bytes,
        gas_cap: int = 50_000_000,
        deadline_ms: int | None = None,
        max_bytes: int = 256 << 20,
    ) -> bytes: ...

def verify_state(
    accounts: Callable[[], list[tuple[bytes, bytes]] | None],
    slots: Callable[[], list[tuple[bytes, bytes]] | None],
) -> bytes:
    """State root rebuilt from the flat tables alone, chunk by chunk in key order (db verify)."""

def verify_nodes(
    root: bytes,
    accounts: Callable[[], list[tuple[bytes, bytes]] | None],
    account_nodes: Callable[[], list[tuple[bytes, bytes]] | None],
    storage_nodes: Callable[[], list[tuple[bytes, bytes]] | None],
) -> int:
    """Check the stored trie nodes against the state root and the accounts' storage roots, chunk by
    chunk in key order; how many there are. CorruptStore names the first one that is missing, wrong
    or that no root leads to."""

def ordered_trie_root(items: Sequence[bytes]) -> bytes:
    """Root of the trie of `rlp(index) -> item`: transaction and receipt roots."""

def trie_root(changes: Sequence[tuple[bytes, bytes | None]]) -> bytes:
    """Root of the state's kind of trie after these changes, one by one, from the empty trie.

    Keys have 32 bytes, values are not empty, None removes. For official fixtures and checks."""

def decode_log_positions(value: bytes) -> list[tuple[int, int]]:
    """A log-index value: (transaction index, log index within the block) ascending."""

def sign_digest(secret: bytes, digest: bytes) -> bytes:
    """65 bytes r, s, v over 32: secp256k1, RFC 6979, low s, v 27 or 28. ValueError on another
    length or a secret that is no key."""

def recover_signers(items: Sequence[tuple[bytes, bytes]]) -> list[bytes | None]:
    """Addresses behind (digest, signature), on all cores. None: another length, a v other than 27
    or 28, a high s (the malleable twin), or nobody's."""

def vote_digests(separator: bytes, votes: Sequence[tuple[int, int, int, bytes]]) -> list[bytes]:
    """What `metis_node.codec.signing.vote_digest` gives for each (kind, height, round, hash), in
    the domain of `separator`. OverflowError beyond uint8, uint64, uint32."""

# What the driver wants done, in this order, before anything else comes in:
#   ("new_round", round)            answer with new_round(round, proposer) at once
#   ("propose", round, hash, pol)   sign, journal, feed back by proposal(), send; pol -1: fresh
#   ("vote", kind, round, hash)     the same by vote(); kind 1 prevote, 2 precommit; None: nil
#   ("timeout", kind, round)        arm; once per round and kind (0 propose, 1 prevote, 2 precommit)
#   ("get_value", round)            build a block, then propose()
#   ("decide", round, commit_round, hash)   the round we are in, that of the precommits
_Output: TypeAlias = (
    tuple[Literal["new_round", "get_value"], int]
    | tuple[Literal["timeout"], int, int]
    | tuple[Literal["propose"], int, bytes, int]
    | tuple[Literal["vote"], int, int, bytes | None]
    | tuple[Literal["decide"], int, int, bytes]
)
_Signed: TypeAlias = list[tuple[bytes, bytes]]
# kind, round, hash, validator, signature
_Vote: TypeAlias = tuple[int, int, bytes | None, bytes, bytes]
# round, hash, pol, proposer, signature
_Proposal: TypeAlias = tuple[int, bytes, int, bytes, bytes]

@final
class BftDriver:
    """Tendermint on one height: Malachite's core driver, and guards for what it leaves to us.

    A synchronous object without clock or I/O, made anew for each height. It checks no signature:
    whoever feeds it has. Addresses have 20 bytes, hashes 32, signatures 65; None votes nil. Every
    refusal is a `metis_node.errors.BftError`, made before the driver has seen anything, except
    `poisoned`: then the driver failed, nothing more may be signed, and the journal is replayed
    into a new one.
    """

    def __new__(cls, height: int, validators: Sequence[tuple[bytes, int]], me: bytes) -> BftDriver:
        """`validators` in the order of the height with their power: 1 to 1,024, none without power,
        together at most (2**64 - 1) // 3. `me` need not be one: then no votes come out."""
    def new_round(self, round: int, proposer: bytes) -> list[_Output]:
        """Open the round that is `owed`: 0 at first, later what a "new_round" output names."""
    def propose(self, round: int, value: bytes) -> list[_Output]:
        """The block that "get_value" asked for: once per round. Nothing happens in a past one."""
    def proposal(
        self,
        round: int,
        value: bytes,
        pol_round: int,
        proposer: bytes,
        signature: bytes,
        valid: bool,
    ) -> list[_Output]:
        """A proposal of whatever round, once its block's validity is known. Again with `valid`
        once an invalid one has become valid; never the other way. Of a round's proposals two are
        kept, and one more whose block has a quorum; others are dropped without a word."""
    def vote(
        self, kind: int, round: int, value: bytes | None, validator: bytes, signature: bytes
    ) -> list[_Output]:
        """A verified vote, our own included, of a round up to 100 ahead."""
    def timeout(self, kind: int, round: int) -> list[_Output]:
        """A timer ran out. Nothing happens unless it is of the current round and step."""
    def polka_certificate(
        self, round: int, value: bytes, signatures: Sequence[tuple[bytes, bytes]]
    ) -> list[_Output]:
        """Verified prevotes of more than 2/3 for a block, fed whole."""
    def commit_certificate(
        self, round: int, value: bytes, signatures: Sequence[tuple[bytes, bytes]]
    ) -> list[_Output]:
        """Verified precommits of more than 2/3 for a block. Without its proposal, one of a later
        round opens that round."""
    def round_votes(
        self, round: int, votes: Sequence[tuple[int, bytes | None, bytes, bytes]]
    ) -> list[_Output]:
        """The verified votes (kind, hash, validator, signature) of a round certificate, of more
        than 1/3, of a round however far ahead."""
    def sync_decision(self, round: int, value: bytes, proposer: bytes) -> list[_Output]:
        """Decide a valid block that came with the commit certificate fed before."""
    height: int
    round: int  # -1 before the first
    step: str  # unstarted, propose, prevote, precommit, commit
    proposer: bytes | None
    locked: tuple[int, bytes] | None  # round, hash
    valid: tuple[int, bytes] | None
    decided: tuple[int, bytes] | None  # the round of the precommits
    owed: int | None  # the round that new_round must open before anything else
    poisoned: bool
    def precommits(self, round: int, value: bytes) -> _Signed:
        """(validator, signature) for a block, those of a fed certificate included, in the order of
        the validators."""
    def prevotes(self, round: int, value: bytes) -> _Signed: ...
    def polka(self, round: int, value: bytes) -> _Signed | None:
        """The prevotes, if they are of more than 2/3."""
    def round_certificate(
        self,
    ) -> tuple[int, int, str, list[tuple[int, bytes | None, bytes, bytes]]] | None:
        """What justifies a round: the round entered, that of the votes, "skip" (more than 1/3) or
        "precommit" (more than 2/3), and the votes. Of use only if the round entered is ours."""
    def take_evidence(
        self,
    ) -> list[
        tuple[Literal["vote"], _Vote, _Vote] | tuple[Literal["proposal"], _Proposal, _Proposal]
    ]:
        """("vote" | "proposal", first, second) since the last call: one pair per validator, round
        and kind of vote. Two proposals of one block that differ in `pol_round` are a pair too."""
    def has_vote(self, kind: int, round: int, value: bytes | None, validator: bytes) -> bool: ...
    def dump(self) -> dict[str, object]:
        """The whole state in plain values: equal states give equal dumps."""
