"""Official TrieTests, against the state's own trie and against the references it is tested with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_hash.auto import keccak
from trie.hexary import HexaryTrie

from metis_node import _native
from tests.vectors import fixtures
from tests.vectors.reference_trie import root_and_nodes
from tests.vectors.tally import Tally

Changes = list[tuple[bytes, bytes | None]]

_OTHER_KEYS = "keys that are not of 32 bytes, which the state does not have"


def test_trie_tests(record_property: Callable[[str, object], None]) -> None:
    tally = Tally()
    if not fixtures.available():
        tally.skip("all", fixtures.ABSENT)
        record_property("fixtures:TrieTests", tally.to_json())
        pytest.skip(fixtures.ABSENT)
    for path, content in fixtures.read(fixtures.OTHER_TESTS).items():
        if path.startswith("TrieTests/"):
            for name, test in content.items():
                _run(path, name, test, tally)
    record_property("fixtures:TrieTests", tally.to_json())
    assert not tally.failures, "\n".join(tally.failures)
    assert tally.passed["native trie"] > 10
    assert tally.passed["references"] > 10


def _run(path: str, name: str, test: dict[str, Any], tally: Tally) -> None:
    if "root" not in test:
        tally.skip("native trie", "order of keys, not roots")
        return
    secure = "secure" in path.lower()
    changes = list(_changes(test["in"], secure=secure))
    root = fixtures.unhex(test["root"])
    orders = [changes] if isinstance(test["in"], list) else _orders(changes)
    for order in orders:
        _count(tally, "references", f"{path}:{name}", _reference_root(order) == root)
    if any(len(key) != 32 for key, _ in changes):
        tally.skip("native trie", _OTHER_KEYS)
        return
    for order in orders:
        _count(tally, "native trie", f"{path}:{name}", _native.trie_root(order) == root)
    settled = {key: value for key, value in _settled(changes).items() if value}
    _count(tally, "references", f"{path}:{name} rebuilt", root_and_nodes(settled)[0] == root)


def _changes(given: Any, *, secure: bool) -> Iterator[tuple[bytes, bytes | None]]:
    for key, value in given if isinstance(given, list) else given.items():
        plain = _bytes(key)
        yield keccak(plain) if secure else plain, None if value is None else _bytes(value)


def _bytes(text: str) -> bytes:
    return fixtures.unhex(text) if text.startswith("0x") else text.encode()


def _orders(changes: Changes) -> list[Changes]:
    """As given, backwards, and by key: a map's root does not depend on the order."""
    return [changes, changes[::-1], sorted(changes, key=lambda change: change[0])]


def _settled(changes: Changes) -> dict[bytes, bytes | None]:
    return dict(changes)


def _reference_root(changes: Changes) -> bytes:
    tree: Any = HexaryTrie({})
    for key, value in changes:
        if value is None:
            del tree[key]
        else:
            tree[key] = value
    return bytes(tree.root_hash)


def _count(tally: Tally, group: str, what: str, passed: bool) -> None:
    if passed:
        tally.accept(group)
    else:
        tally.refuse(group, f"{what}: another root")
