"""Stake from deployment to the last claim, as operators do it, on two Ethereums.

Each step is one command; after each the balances of METIS and ether are right to the wei, and the
follower says what the contracts say.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metis_node.node.exit_codes import ExitCode
from tests.e2e.follower_in_step import FollowerInStep
from tests.e2e.staking_world import ALLOTTED, METIS, OWNERS, Operator, anvil_l1, embedded_l1

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

AMOUNTS = ("20000", "30,000", "40000.5", "20000.000000000000000001")
WEI = (20_000 * METIS, 30_000 * METIS, 40_000 * METIS + METIS // 2, 20_000 * METIS + 1)


@pytest.fixture(params=["anvil", "embedded"])
def operator(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Operator]:
    l1 = anvil_l1() if request.param == "anvil" else embedded_l1(tmp_path)
    with l1 as running:
        yield Operator(tmp_path, running, capsys)


class Books:
    """What everybody must have, by what was done."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self.owners = [account.address for account in operator.accounts[:OWNERS]]
        self.metis = [ALLOTTED] * OWNERS
        self.ether = [operator.l1.ether(owner) for owner in self.owners]
        self.pooled = 0
        self._follower = FollowerInStep(operator)

    def move(self, owner: int, wei: int) -> None:
        """From an owner into the pool."""
        self.metis[owner] -= wei
        self.pooled += wei

    def paid(self, owner: int, done: dict[str, Any]) -> None:
        """Fees of a command's transactions, as it reported them."""
        self.ether[owner] -= sum(int(entry["cost_wei"]) for entry in done["transactions"])

    def check(self) -> None:
        operator = self._operator
        assert [operator.metis(owner) for owner in self.owners] == self.metis
        assert [operator.l1.ether(owner) for owner in self.owners] == self.ether
        assert operator.metis(operator.address("LockingPool")) == self.pooled
        pool = operator.json("stake", "info")["pool"]
        locked, unbonding = int(pool["total_locked_wei"]), int(pool["total_unbonding_wei"])
        assert locked + unbonding == self.pooled
        self._follower.check()


def test_from_deployment_to_the_last_claim(operator: Operator) -> None:
    deployed = operator.deploy()
    assert operator.deploy() == deployed  # the same again changes nothing
    books = Books(operator)
    books.check()
    lock_four(operator, books)
    relock_one(operator, books)
    rotate_a_signer(operator, books)
    govern(operator, books)
    leave(operator, books)


def lock_four(operator: Operator, books: Books) -> None:
    dry = ("stake", "lock", AMOUNTS[0], "--dry-run", "--signer-key", "signer-0")
    words = operator.text(*dry, owner=0)
    assert "20,000 METIS move from" in words
    assert "nothing was sent" in words
    books.check()
    refused = operator.json("stake", "lock", "19999.9", owner=0, code=ExitCode.INVALID)
    assert "the least is 20,000 METIS" in refused
    refused = operator.json("stake", "lock", "100000.1", owner=0, code=ExitCode.INVALID)
    assert "the most is 100,000 METIS" in refused
    for owner, amount in enumerate(AMOUNTS):
        locking = ("stake", "lock", amount, "--signer-key", f"signer-{owner}", "--force")
        done = operator.json(*locking, owner=owner)
        assert [entry["call"] for entry in done["transactions"]][-1] == "lockFor"
        assert done["sequencer"]["id"] == owner + 1
        assert done["sequencer"]["status"] == "pending"
        books.move(owner, WEI[owner])
        books.paid(owner, done)
        books.check()
    refused = operator.json("stake", "lock", "20000", "--force", owner=0, code=ExitCode.INVALID)
    assert "owns sequencer 1 already" in refused
    operator.l1.pass_time(2)
    for owner in range(OWNERS):
        # anybody may seat a sequencer: here the first owner does it for all
        done = operator.json("stake", "activate", "--id", str(owner + 1), owner=0)
        assert done["sequencer"]["id"] == owner + 1
        assert done["sequencer"]["status"] == "active"
        assert done["sequencer"]["power"] == WEI[owner] // 10**9
        books.paid(0, done)
    books.check()
    assert operator.json("stake", "info")["pool"]["seats_taken"] == OWNERS
    assert operator.text("stake", "info", "--all").count("active") == OWNERS


def relock_one(operator: Operator, books: Books) -> None:
    refused = operator.json("stake", "relock", "80000.1", owner=0, code=ExitCode.INVALID)
    assert "lock 80,000 METIS or less" in refused
    done = operator.json("stake", "relock", "500.25", owner=0)
    assert int(done["sequencer"]["stake_wei"]) == 20_500 * METIS + METIS // 4
    books.move(0, 500 * METIS + METIS // 4)
    books.paid(0, done)
    books.check()


def rotate_a_signer(operator: Operator, books: Books) -> None:
    operator.keys.create("signer-new", "pw", iterations=2)
    used = ("stake", "update-signer", "--signer-key", "signer-2")
    refused = operator.json(*used, owner=1, code=ExitCode.INVALID)
    assert "was used by sequencer 3 and belongs to it for ever" in refused
    done = operator.json("stake", "update-signer", "--signer-key", "signer-new", owner=1)
    assert done["sequencer"]["signer"] == operator.keys.entry("signer-new").address
    books.paid(1, done)
    books.check()


def govern(operator: Operator, books: Books) -> None:
    proposing = ("gov", "propose", "--change", "maxLock=150000", "--description", "Room to grow")
    done = operator.json(*proposing, owner=2)
    assert done["proposal"]["calls"] == ["maxLock = 150,000 METIS"]
    books.paid(2, done)
    refused = operator.json("gov", "queue", "1", owner=0, code=ExitCode.INVALID)
    assert "proposal 1 is" in refused
    operator.l1.pass_blocks(2)
    for owner in (0, 1, 2):
        done = operator.json("gov", "vote", "1", "for", owner=owner)
        books.paid(owner, done)
    refused = operator.json("gov", "vote", "1", "against", owner=2, code=ExitCode.INVALID)
    assert "has voted" in refused or "is succeeded" in refused
    operator.l1.pass_blocks(12)
    assert operator.json("gov", "show", "1")["state"] == "succeeded"
    books.paid(3, operator.json("gov", "queue", "1", owner=3))
    operator.l1.pass_time(3)
    books.paid(3, operator.json("gov", "execute", "1", owner=3))
    assert operator.json("gov", "params")["maxLock"]["value"] == str(150_000 * METIS)
    assert "executed" in operator.text("gov", "list")
    books.check()


def leave(operator: Operator, books: Books) -> None:
    refused = operator.json("stake", "withdraw", "20001", owner=2, code=ExitCode.INVALID)
    assert "withdraw at most 20,000.5 METIS" in refused
    done = operator.json("stake", "withdraw", "100.5", owner=2)
    books.paid(2, done)
    done = operator.json("stake", "unlock", owner=3)
    assert done["sequencer"]["status"] == "inactive"
    assert done["sequencer"]["power"] == 0
    books.paid(3, done)
    books.check()
    early = operator.json("stake", "claim", owner=3, code=ExitCode.INVALID)
    assert "try again then" in early
    operator.l1.pass_time(61)
    for owner, wei in ((2, 100 * METIS + METIS // 2), (3, WEI[3])):
        done = operator.json("stake", "claim", owner=owner)
        assert done["sequencer"]["id"] == owner + 1
        assert done["sequencer"]["unbonding_wei"] == "0"
        books.move(owner, -wei)
        books.paid(owner, done)
        books.check()
    assert books.metis[3] == ALLOTTED
    assert operator.json("stake", "info", "4")["status"] == "unlocked"
