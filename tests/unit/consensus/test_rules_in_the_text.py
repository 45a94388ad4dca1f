"""The numbered rules of docs/protocol/consensus.md and the code that cites them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXT = ROOT / "docs" / "protocol" / "consensus.md"
ROOMS = ("metis_node/consensus", "metis_node/engine/consensus")
RULES = [f"C{number}" for number in range(1, 27)]


def cited() -> set[str]:
    files = [path for room in ROOMS for path in (ROOT / room).glob("*.py")]
    texts = (path.read_text().replace("C1 to C26", "") for path in files)
    return {rule for text in texts for rule in re.findall(r"\bC[1-9]\d*\b", text)}


def test_the_text_has_each_rule_once() -> None:
    found = re.findall(r"^- \*\*(C\d+)\*\*", TEXT.read_text(), re.MULTILINE)
    assert sorted(found, key=RULES.index) == RULES


def test_every_rule_is_cited_and_every_citation_is_a_rule() -> None:
    assert cited() == set(RULES)
