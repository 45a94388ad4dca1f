"""Key layout of the one store, and its schema version.

| prefix | key | value | written by |
|---|---|---|---|
| `a` | keccak(address) | account: see native/src/state | native |
| `s` | keccak(address) ‖ keccak(slot) | big-endian value without leading zeros | native |
| `c` | code hash | code | native |
| `A` | nibble path, a byte each | account-trie node RLP | native |
| `O` | keccak(address) ‖ nibble path | storage-trie node RLP | native |
| `r` | be64 number | reverse diff of the block | native |
| `x` | be64 number ‖ be32 index | transaction record (transaction and receipt) | native |
| `t` | transaction hash | be64 number ‖ be32 index | native |
| `l` | kind u8 ‖ 16 bytes of keccak(address or topic) ‖ be64 number | log positions | native |
| `h` | be64 number | header RLP | chain |
| `H` | block hash | be64 number | chain |
| `g` | be64 number | commit certificate of the block | chain |
| `p` | transaction hash | raw local transaction of the mempool | chain |
| `b` | be64 last L2 block of a batch, or a name | batches on L1, cursor of their scan | engine |
| `v` | blob versioned hash | blob (embedded L1 only) | engine |
| `kf` | be64 L1 block ‖ be32 index | staking fact (RLP) | engine |
| `km` | be64 L1 block | hash of an L1 block whose facts are taken | engine |
| `ks` | be64 L1 block | seed block: be64 timestamp ‖ randomness | engine |
| `kc`, `ko` | | cursor of the staking facts; which contracts they come from | engine |
| `M` | name | head, genesis, schema, safe, finalized, ... | all |

Log kinds: 0 address, 1..4 topic at position kind-1. Numbers are big-endian, so that key order is
block order.
"""

from __future__ import annotations

SCHEMA_VERSION = 1

ACCOUNTS = b"a"
SLOTS = b"s"
CODE = b"c"
ACCOUNT_TRIE = b"A"
STORAGE_TRIE = b"O"
REVERSE_DIFFS = b"r"
RECORDS = b"x"
TRANSACTION_INDEX = b"t"
LOG_INDEX = b"l"
HEADERS = b"h"
BLOCK_NUMBERS = b"H"
CERTIFICATES = b"g"
LOCAL_TRANSACTIONS = b"p"
BATCHES = b"b"
BLOBS = b"v"
STAKING_FACTS = b"kf"
STAKING_MARKS = b"km"
STAKING_SEEDS = b"ks"
STAKING_CURSOR = b"kc"  # be64 number ‖ be64 timestamp ‖ hash
STAKING_SOURCE = b"ko"  # addresses of pool and parameters ‖ be64 start ‖ be64 seed interval
META = b"M"

META_SCHEMA = META + b"schema"
META_GENESIS = META + b"genesis"  # genesis file, canonical JSON
META_HEAD = META + b"head"  # be64 number ‖ block hash
META_SAFE = META + b"safe"  # be64 number
META_FINALIZED = META + b"finalized"  # be64 number


def be64(number: int) -> bytes:
    """A block number as it stands in keys: 8 bytes, big-endian."""
    return number.to_bytes(8, "big")


def be32(number: int) -> bytes:
    """An index as it stands in keys: 4 bytes, big-endian."""
    return number.to_bytes(4, "big")


def header_key(number: int) -> bytes:
    return HEADERS + be64(number)


def certificate_key(number: int) -> bytes:
    return CERTIFICATES + be64(number)


def number_key(block_hash: bytes) -> bytes:
    return BLOCK_NUMBERS + block_hash


def record_key(number: int, index: int) -> bytes:
    return RECORDS + be64(number) + be32(index)


def transaction_key(transaction_hash: bytes) -> bytes:
    return TRANSACTION_INDEX + transaction_hash


def log_key(kind: int, digest16: bytes, number: int) -> bytes:
    return LOG_INDEX + bytes((kind,)) + digest16 + be64(number)
