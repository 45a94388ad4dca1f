"""Names for bare values, so that signatures say what they take."""

from __future__ import annotations

from typing import NewType

Address = NewType("Address", bytes)  # 20 bytes
Hash32 = NewType("Hash32", bytes)  # 32 bytes
Height = NewType("Height", int)  # L2 block number
Wei = NewType("Wei", int)

ZERO_ADDRESS = Address(bytes(20))
ZERO_HASH = Hash32(bytes(32))
EMPTY_CODE_HASH = Hash32(
    bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
)
EMPTY_TRIE_ROOT = Hash32(
    bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
)
EMPTY_OMMERS_HASH = Hash32(
    bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
)
EMPTY_REQUESTS_HASH = Hash32(  # sha256(""), EIP-7685
    bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
)
