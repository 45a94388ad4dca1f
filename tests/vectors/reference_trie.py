"""A Merkle Patricia trie rebuilt from nothing (yellow paper, appendix D), slow and plain.

It says which nodes a path-keyed store must hold: the root, and every node whose RLP has 32 bytes or
more, each under the nibbles that lead to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rlp
from eth_hash.auto import keccak
from trie.hexary import HexaryTrie

from metis_node.types.primitives import EMPTY_TRIE_ROOT

Nodes = dict[bytes, bytes]  # nibbles, a byte each -> RLP


def root_and_nodes(items: Mapping[bytes, bytes]) -> tuple[bytes, Nodes]:
    """Root of the trie of these keys and values (keys of one length), and its stored nodes."""
    if not items:
        return bytes(EMPTY_TRIE_ROOT), {}
    nodes: Nodes = {}
    leaves = sorted((nibbles(key), value) for key, value in items.items())
    encoded = rlp.encode(_node(leaves, 0, nodes))
    nodes[b""] = encoded
    return keccak(encoded), nodes


def independent_root(items: Mapping[bytes, bytes]) -> bytes:
    """The same root by the `trie` package, which inserts key by key."""
    tree = HexaryTrie({})
    for key, value in items.items():
        tree[key] = value
    return bytes(tree.root_hash)


def nibbles(key: bytes) -> bytes:
    """A byte for each half byte."""
    return bytes(half for byte in key for half in (byte >> 4, byte & 15))


def _node(leaves: list[tuple[bytes, bytes]], depth: int, nodes: Nodes) -> Any:
    first, last = leaves[0][0], leaves[-1][0]
    if len(leaves) == 1:
        return [_hex_prefix(first[depth:], leaf=True), leaves[0][1]]
    fork = depth
    while first[fork] == last[fork]:
        fork += 1
    if fork > depth:
        branch = _branch(leaves, fork, nodes)
        return [_hex_prefix(first[depth:fork], leaf=False), _refer(branch, first[:fork], nodes)]
    return _branch(leaves, depth, nodes)


def _branch(leaves: list[tuple[bytes, bytes]], depth: int, nodes: Nodes) -> list[Any]:
    children: list[Any] = []
    for nibble in range(16):
        below = [leaf for leaf in leaves if leaf[0][depth] == nibble]
        if not below:
            children.append(b"")
            continue
        node = _node(below, depth + 1, nodes)
        children.append(_refer(node, below[0][0][: depth + 1], nodes))
    return [*children, b""]


def _refer(node: Any, path: bytes, nodes: Nodes) -> Any:
    """The node itself if it is short, else its hash."""
    encoded = rlp.encode(node)
    if len(encoded) < 32:
        return node
    nodes[path] = encoded
    return keccak(encoded)


def _hex_prefix(path: bytes, *, leaf: bool) -> bytes:
    flag = 2 * leaf + len(path) % 2
    halves = bytes((flag,)) + (b"" if len(path) % 2 else b"\0") + path
    return bytes(halves[i] << 4 | halves[i + 1] for i in range(0, len(halves), 2))
