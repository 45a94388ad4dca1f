// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {PoolHandler} from "./PoolHandler.sol";

/// @dev What holds after any sequence of anybody's calls.
/// forge-config: default.invariant.runs = 12
/// forge-config: default.invariant.depth = 128
/// forge-config: default.invariant.fail-on-revert = true
contract PoolInvariantsTest is PoolFixture {
    PoolHandler internal handler;

    function setUp() public override {
        super.setUp();
        setParameter(ParameterKeys.MAX_SEQUENCERS, 3);
        mine(1);
        handler = new PoolHandler(pool, token, parameters, governance, slasher, settlement);
        token.transfer(address(handler), token.balanceOf(address(this)));
        targetContract(address(handler));
        for (uint256 i = 0; i < 4; ++i) {
            handler.lock(i, (20_000 + i * 10_000) * METIS);
        }
        for (uint256 i = 0; i < 3; ++i) {
            handler.activate(i, 0, true);
        }
    }

    /// The handler is no idler: one long walk of it sees everything that matters, and all still holds.
    function test_AWalkReachesEverything() public {
        for (uint256 step = 0; step < 1_500; ++step) {
            walk(uint256(keccak256(abi.encode("walk", step))));
        }
        assertGt(handler.activations(), 15, "activations");
        assertGt(handler.replacements(), 3, "replacements");
        assertGt(handler.slashes(), 20, "slashes");
        assertGt(handler.slashesOfUnbonding(), 5, "slashes of unbonding stake");
        assertGt(handler.rotations(), 20, "rotations");
        assertGt(handler.exits(), 10, "exits");
        assertGt(handler.claims(), 10, "claims");
        invariant_TokensHeldAreStakeUnbondingAndFund();
        invariant_PowerIsTheRule();
        invariant_CheckpointsAreAReplayOfEvents();
        invariant_OnlyOwnersMoveStakeAndAlwaysCan();
        afterInvariant();
    }

    function walk(uint256 dice) internal {
        uint256 a = uint256(keccak256(abi.encode(dice, "a")));
        uint256 b = uint256(keccak256(abi.encode(dice, "b")));
        bool c = dice % 2 == 0;
        uint256 what = dice / 2 % 19;
        if (what == 0) handler.lock(a, b);
        if (what == 1) handler.relock(a, b, c);
        if (what == 2) handler.withdraw(a, b);
        if (what == 3) handler.unlock(a);
        if (what == 4) handler.claim(a);
        if (what == 5) handler.claimRewards(a);
        if (what == 6) handler.rotate(a, c);
        if (what == 7) handler.handOver(a, b);
        if (what == 8) handler.delegate(a, b);
        if (what == 9) handler.rob(a, c);
        if (what == 10 || what == 18) handler.activate(a, b, c);
        if (what == 11) handler.poke(a);
        if (what == 12) handler.payFund(a);
        if (what == 13) handler.slash(a, b, c);
        if (what == 14) handler.unjail(a);
        if (what == 15) handler.settle(a, b, c);
        if (what == 16) handler.govern(dice / 64, a, b);
        if (what == 17) handler.wait(a);
    }

    /// Every token held is somebody's stake, stake on its way out, or reward fund, to the wei.
    function invariant_TokensHeldAreStakeUnbondingAndFund() public view {
        assertBooksBalance();
        assertEq(pool.rewardFund(), handler.fund(), "fund");
        uint256 locked = 0;
        uint256 unbonding = 0;
        uint256 owed = 0;
        for (uint256 id = 1; id <= pool.sequencerCount(); ++id) {
            ILockingPool.Sequencer memory it = get(id);
            uint256 queued = 0;
            ILockingPool.Unbonding[] memory queue = pool.unbondings(id);
            for (uint256 i = 0; i < queue.length; ++i) {
                queued += queue[i].amount;
            }
            assertEq(it.unbonding, queued, "queue");
            assertLe(queue.length, pool.MAX_UNBONDINGS());
            assertEq(it.amount + it.unbonding, handler.stakeOf(id), "stake = in - out - slashed");
            assertEq(it.reward, handler.owedTo(id), "owed = credited - fined - paid");
            locked += it.amount;
            unbonding += it.unbonding;
            owed += it.reward;
        }
        assertEq(pool.totalLocked(), locked, "total locked");
        assertEq(pool.totalUnbonding(), unbonding, "total unbonding");
        assertEq(pool.totalOwed(), owed, "total owed");
    }

    /// Power is what the rule says, with the limit of the last write; votes are power; seats are counted.
    function invariant_PowerIsTheRule() public view {
        uint256 total = 0;
        uint256 taken = 0;
        for (uint256 id = 1; id <= pool.sequencerCount(); ++id) {
            ILockingPool.Sequencer memory it = get(id);
            uint256 limit = handler.maxLockAtWrite(id);
            bool active = it.status == ILockingPool.Status.Active;
            assertEq(it.power, active ? (it.amount < limit ? it.amount : limit) / 1 gwei : 0, "power");
            assertFalse(active && it.jailed, "jailed and active");
            total += it.power;
            if (active) ++taken;
        }
        assertEq(pool.totalPower(), total, "total power");
        assertEq(pool.seatsTaken(), taken, "seats");
        assertEq(handler.poweredWhileJailed(), 0);
        uint256 votes = pool.getVotes(address(0));
        for (uint256 i = 0; i < 6; ++i) {
            votes += pool.getVotes(handler.owners(i));
        }
        assertEq(votes, total, "votes");
    }

    /// The checkpoints say of every past block what a replay of the events says. (While it runs the
    /// youngest are looked at, at its end all.)
    function invariant_CheckpointsAreAReplayOfEvents() public view {
        assertReplay(2);
    }

    function assertReplay(uint256 youngest) internal view {
        for (uint256 id = 1; id <= pool.sequencerCount(); ++id) {
            PoolHandler.Seat[] memory past = handler.seatsOf(id);
            for (uint256 i = past.length > youngest ? past.length - youngest : 0; i < past.length; ++i) {
                assertSeat(id, past[i], past[i].blockNumber);
                uint256 end = i + 1 < past.length ? past[i + 1].blockNumber : block.number;
                assertSeat(id, past[i], end - 1);
            }
        }
        PoolHandler.Total[] memory totals = handler.allTotals();
        for (uint256 i = totals.length > youngest ? totals.length - youngest : 0; i < totals.length; ++i) {
            if (totals[i].blockNumber >= block.number) continue;
            assertEq(pool.totalPowerAt(totals[i].blockNumber), totals[i].power);
            uint256 votes = 0;
            for (uint256 j = 0; j < 6; ++j) {
                votes += pool.getPastVotes(handler.owners(j), totals[i].blockNumber);
            }
            assertEq(votes, totals[i].power, "votes of that block");
        }
    }

    /// Only owners move stake, and no pause, whitelist, limit or jail keeps an owner from leaving.
    function invariant_OnlyOwnersMoveStakeAndAlwaysCan() public view {
        assertEq(handler.strangersWhoMovedStake(), 0, "robbed");
        assertEq(handler.refusedExits(), 0, "trapped");
    }

    /// The last state of each run winds down to nothing but the fund.
    function afterInvariant() public {
        assertReplay(type(uint256).max);
        for (uint256 id = 1; id <= pool.sequencerCount(); ++id) {
            ILockingPool.Status status = get(id).status;
            vm.startPrank(get(id).owner);
            if (status == ILockingPool.Status.Active || status == ILockingPool.Status.Pending) pool.unlock(id);
            vm.stopPrank();
        }
        assertEq(pool.totalPower(), 0);
        assertEq(pool.totalLocked(), 0);
        pass(365 days);
        for (uint256 id = 1; id <= pool.sequencerCount(); ++id) {
            vm.startPrank(get(id).owner);
            if (get(id).status == ILockingPool.Status.Inactive) pool.unlockClaim(id);
            vm.stopPrank();
            assertStatus(id, ILockingPool.Status.Unlocked);
        }
        assertEq(token.balanceOf(address(pool)), pool.rewardFund(), "all stake is out");
    }

    function assertSeat(uint256 id, PoolHandler.Seat memory expected, uint256 blockNumber) internal view {
        if (blockNumber >= block.number || blockNumber < expected.blockNumber) return;
        (address signer, uint64 power) = pool.seatAt(id, blockNumber);
        assertEq(signer, expected.signer, "signer");
        assertEq(power, expected.power, "power");
    }
}
