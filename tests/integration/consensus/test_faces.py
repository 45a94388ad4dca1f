"""What people see of an agreement that runs: RPC, /leader, and the order to hand the pen on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from metis_node.chain import block_store
from metis_node.errors import InvalidRequest
from metis_node.rpc.backend import Backend
from metis_node.rpc.leadership import leadership
from metis_node.types.consensus import Evidence, Vote, VoteKind
from metis_node.types.primitives import Hash32
from tests import sequenced
from tests.integration.consensus.asking import agreement_status, asking, backend_of
from tests.integration.consensus.village import Village, Villager, village


async def leader_of(made: Village) -> Villager:
    """Once all stand at one height with the same pen."""

    def found() -> list[Villager]:
        return [one for one in made.villagers.values() if one.host.is_active]

    await made.until(
        lambda: len({one.head for one in made.villagers.values()}) == 1 and len(found()) == 1
    )
    return found()[0]


async def test_all_name_one_active_sequencer_and_only_it_is_the_leader(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        watcher = await made.enter(None, name="watcher")
        await made.height(2)
        leader = await leader_of(made)
        backends = {one.name: backend_of(one) for one in made.villagers.values()}
        told = {
            name: await asking(backend)("metis_activeSequencer")
            for name, backend in backends.items()
        }
        assert len({(one["id"], one["signer"], one["place"]) for one in told.values()}) == 1
        assert [name for name, one in told.items() if one["isMe"]] == [leader.name]
        answers = {name: leadership(backend) for name, backend in backends.items()}
        assert [name for name, one in answers.items() if one["leader"]] == [leader.name]
        assert answers[leader.name]["reason"] is None
        assert "watches" in answers[watcher.name]["reason"]
        others = [one for name, one in answers.items() if name not in (leader.name, watcher.name)]
        number = int(told[leader.name]["id"], 16)
        assert all(one["reason"] == f"it is the turn of sequencer {number}" for one in others)


async def test_a_certificate_names_who_signed_and_their_power(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(3)
        one = next(iter(made.villagers.values()))
        ask = asking(backend_of(one))
        found = await ask("metis_certificate", "0x2")
        sealed = block_store.require_header(one.chain.store, 2)
        assert found["hash"] == "0x" + sealed.hash.hex()
        assert (found["number"], found["round"], found["epoch"]) == ("0x2", "0x0", "0x0")
        assert 3 * int(found["power"], 16) > 2 * int(found["totalPower"], 16)
        ids = [entry["id"] for entry in found["signatures"]]
        assert len(set(ids)) == len(ids) >= 3
        for entry in found["signatures"]:
            assert entry["signer"] == "0x" + sequenced.signer(int(entry["id"], 16)).hex()
            assert len(entry["signature"]) == 2 + 130
        assert await ask("metis_certificate", found["hash"]) == found
        assert await ask("metis_certificate", "0x0") is None  # nobody signs the genesis block
        assert await ask("metis_certificate", "0xffff") is None


async def test_the_sequencer_set_of_a_block_is_its_epochs_order(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        ask = asking(backend_of(next(iter(made.villagers.values()))))
        following = await ask("metis_sequencerSet")
        first = await ask("metis_sequencerSet", "0x1")
        assert first["block"] == "0x1"
        assert first["sequencers"] == following["sequencers"]
        assert [entry["place"] for entry in first["sequencers"]] == ["0x0", "0x1", "0x2", "0x3"]
        assert sum(int(v["power"], 16) for v in first["sequencers"]) == int(first["totalPower"], 16)
        assert await ask("metis_sequencerSet", "0xffff") is None


async def test_the_sync_status_says_where_a_node_stands(tmp_path: Path) -> None:
    async with village(tmp_path, 3) as made:
        watcher = await made.enter(None, name="watcher")
        await made.height(2)
        voter = made.villagers["node-1"]  # type: ignore[index]
        status = agreement_status(backend_of(voter))
        assert (status["peers"], status["isValidator"], status["isSigning"]) == ("0x3", True, True)
        assert int(status["height"], 16) in (voter.head, voter.head + 1)
        assert status["stoppedSigning"] is None
        voter.host._key.stopped = "this key signed elsewhere"
        status = agreement_status(backend_of(voter))
        assert (status["isValidator"], status["isSigning"]) == (True, False)
        assert status["stoppedSigning"] == "this key signed elsewhere"
        assert "signed elsewhere" in leadership(backend_of(voter))["reason"]
        watching = agreement_status(backend_of(watcher))
        assert (watching["isValidator"], watching["signer"]) == (False, None)


async def test_an_order_to_yield_hands_the_pen_on(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        leader = await leader_of(made)
        number = leader.host.me
        given = await asking(backend_of(leader))("admin_yield")
        assert given["isMe"]
        await made.until(lambda: leader.host.active_sequencer() not in (None, number))
        await leader_of(made)
        with pytest.raises(InvalidRequest, match="holds the pen, not this node"):
            await asking(backend_of(leader))("admin_yield")


async def test_a_web_page_gives_no_orders(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(1)
        leader = await leader_of(made)
        with pytest.raises(InvalidRequest, match="not for web pages"):
            await asking(backend_of(leader), is_page=True)("admin_yield")


async def test_who_holds_no_turn_cannot_yield(tmp_path: Path) -> None:
    async with village(tmp_path, 1) as made:
        await made.height(1)
        with pytest.raises(InvalidRequest, match="nobody to hand the pen to"):
            await asking(backend_of(made.villagers["node-1"]))("admin_yield")  # type: ignore[index]
        watcher = await made.enter(None, name="watcher")
        with pytest.raises(InvalidRequest, match="no signer key"):
            await asking(backend_of(watcher))("admin_yield")


async def test_evidence_is_told_with_both_messages(tmp_path: Path) -> None:
    async with village(tmp_path, 1) as made:
        await made.height(1)
        one = made.villagers["node-1"]  # type: ignore[index]
        votes = [
            Vote(
                kind=VoteKind.PRECOMMIT,
                height=1,
                round=0,
                block_hash=Hash32(bytes([fill]) * 32),
                sender=sequenced.signer(1),
                signature=bytes([fill]) * 65,
            )
            for fill in (1, 2)
        ]
        assert await asking(backend_of(one))("metis_evidence") == []
        one.host._evidence._entries.append(Evidence(first=votes[0], second=votes[1]))
        (told,) = await asking(backend_of(one))("metis_evidence")
        assert (told["id"], told["kind"], told["height"]) == ("0x1", "precommit", "0x1")
        assert [entry["blockHash"][:4] for entry in told["messages"]] == ["0x01", "0x02"]


def without_validators(*, builds_alone: bool) -> Backend:
    chain = SimpleNamespace(head=SimpleNamespace(number=5))
    return cast(
        "Backend",
        SimpleNamespace(
            consensus=None,
            epochs=None,
            builds_alone=builds_alone,
            blockchain=chain,
            queries=SimpleNamespace(header=lambda _block: object()),
        ),
    )


@pytest.mark.parametrize("name", ["activeSequencer", "sequencerSet", "evidence", "certificate"])
async def test_a_chain_without_validators_has_none_of_it(name: str) -> None:
    params: list[Any] = ["0x1"] if name == "certificate" else []
    assert await asking(without_validators(builds_alone=True))(f"metis_{name}", *params) is None


async def test_a_chain_without_validators_is_led_by_who_builds_it() -> None:
    assert leadership(without_validators(builds_alone=True))["leader"]
    assert leadership(without_validators(builds_alone=False)) == {
        "leader": False,
        "reason": "this node builds no blocks",
        "active": None,
    }
    assert agreement_status(without_validators(builds_alone=True)) == {}
    with pytest.raises(InvalidRequest, match="no validators"):
        await asking(without_validators(builds_alone=True))("admin_yield")


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("metis_activeSequencer", [1]),
        ("metis_sequencerSet", ["nine"]),
        ("metis_sequencerSet", [7]),
        ("metis_certificate", []),
        ("metis_certificate", ["0x1", "0x2"]),
        ("metis_certificate", ["0x01"]),
        ("metis_evidence", [{}]),
        ("admin_yield", ["0x1"]),
    ],
)
async def test_malformed_arguments_are_refused(name: str, params: list[Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await asking(without_validators(builds_alone=True))(name, *params)
    assert caught.value.code == -32602


async def test_a_height_explains_who_led_it_and_why_the_turn_moved_on(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        leader = await leader_of(made)
        number = int(leader.name.removeprefix("node-"))
        await made.leave(leader)
        stood = max(one.head for one in made.villagers.values())
        await made.height(stood + 3)
        one = next(iter(made.villagers.values()))
        ask = asking(backend_of(one))
        reselected = [
            told
            for height in range(stood, stood + 4)
            if (told := await ask("metis_explain", hex(height)))["missed"]
        ]
        (told,) = reselected
        assert told["due"]["id"] == hex(number)
        assert [entry["id"] for entry in told["missed"]] == [hex(number)]
        assert told["builder"]["id"] != hex(number)
        first, last = told["rounds"][0], told["rounds"][-1]
        assert (first["leader"]["id"], first["outcome"]) == (
            hex(number),
            "its node is not connected any more",
        )
        assert (last["leader"], last["outcome"]) == (
            {key: told["builder"][key] for key in ("id", "signer", "power")},
            "decided",
        )
        assert told["tookMs"] >= 100  # a quarter of a time-out: its connections were gone
        assert (
            f"it was the turn of sequencer {number} (its node is not connected any more)"
            in told["summary"]
        )
        following = await ask("metis_explain", hex(int(told["height"], 16) + 1))
        assert following["missed"] == []
        assert following["builder"] == told["builder"]
        forgotten = await _explained_by_the_chain(one, told["height"])
        for key in ("due", "missed", "builder", "round", "signers", "power"):
            assert forgotten[key] == told[key]
        assert not forgotten["seen"]
        assert [entry["leader"] for entry in forgotten["rounds"]] == [
            entry["leader"] for entry in told["rounds"]
        ]
        assert one.story.hand_overs.total_s >= 0.1


async def _explained_by_the_chain(one: Villager, height: str) -> Any:
    one.story.tales.clear()
    return await asking(backend_of(one))("metis_explain", height)


async def test_a_yield_is_told_as_one(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        leader = await leader_of(made)
        await asking(backend_of(leader))("admin_yield")
        head = leader.head
        await made.height(head + 3)
        ask = asking(backend_of(next(iter(made.villagers.values()))))
        stories = [await ask("metis_explain", hex(height)) for height in range(head, head + 4)]
        (told,) = [story for story in stories if story["missed"]]
        assert told["rounds"][0]["outcome"] == "its sequencer let the turn pass"
        assert "let the turn pass" in told["summary"]


async def test_heights_without_a_story_are_refused_and_the_present_one_is_told(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, 1) as made:
        await made.height(1)
        one = made.villagers["node-1"]  # type: ignore[index]
        ask = asking(backend_of(one))
        for height in ("0x0", "0xffff"):
            with pytest.raises(InvalidRequest, match="has no story") as caught:
                await ask("metis_explain", height)
            assert caught.value.code == -32000
        assert (await ask("metis_explain"))["decided"]
        following = await ask("metis_explain", hex(one.head + 1))
        assert following["decided"] in (False, True)  # it may be over by now
        assert await asking(without_validators(builds_alone=True))("metis_explain") is None


async def test_a_rotation_is_told_in_a_few_lines(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        leader = await leader_of(made)
        await made.leave(leader)
        one = next(iter(made.villagers.values()))
        stood = one.head
        with capture_logs() as lines:
            await made.until(lambda: one.story.counts["reselections"] == 1)
            await made.height(max(v.head for v in made.villagers.values()) + 2)
        height = next(
            tale.height
            for tale in one.story.tales.values()
            if tale.height > stood and tale.decided_round > 0
        )
        shown = [line for line in lines if line["log_level"] != "debug"]
        told = [line["event"] for line in shown if line.get("height") in (height, height + 1)]
        for words in (
            "no vote in this round",
            "round failed: the turn goes to the next in order",
            "a backup built the block: it keeps the turn until the epoch ends",
            "the turn is another sequencer's",
        ):
            assert 1 <= told.count(words) <= len(made.villagers), words
        assert len(told) <= 5 * len(made.villagers)
