// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {CommonBase} from "forge-std/Base.sol";
import {StdUtils} from "forge-std/StdUtils.sol";
import {Vm} from "forge-std/Vm.sol";
import {LockingPool} from "../../src/l1/LockingPool.sol";
import {MetisToken} from "../../src/l1/MetisToken.sol";
import {NetworkParameters} from "../../src/l1/NetworkParameters.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";

/// @dev Does anything that anybody can do to a pool, in any order, and keeps its own books from what it
/// sees: tokens that moved and events that were told. The invariants compare them with the pool's.
contract PoolHandler is CommonBase, StdUtils {
    struct Seat {
        uint256 blockNumber;
        address signer;
        uint64 power;
    }

    struct Total {
        uint256 blockNumber;
        uint64 power;
    }

    uint256 internal constant METIS = 1e18;
    uint256 internal constant OWNERS = 6;
    bytes32 internal constant SEAT_CHANGED = keccak256("SeatChanged(uint256,address,uint64,uint64)");

    LockingPool public immutable pool;
    MetisToken public immutable token;
    NetworkParameters public immutable parameters;
    address public immutable governance;
    address public immutable slasher;
    address public immutable settlement;
    address public constant REPORTER = address(0xbeef);

    address[] public owners;
    /// What each sequencer's stake should be: in, minus paid out, minus slashed.
    mapping(uint256 id => uint256) public stakeOf;
    /// What each is owed.
    mapping(uint256 id => uint256) public owedTo;
    /// The limit when power was written last.
    mapping(uint256 id => uint256) public maxLockAtWrite;
    /// Seats as the events tell them.
    mapping(uint256 id => Seat[]) internal seats;
    Total[] internal totals;
    uint256 public fund;
    uint256 public burnt;
    uint256 public refusedExits;
    uint256 public strangersWhoMovedStake;
    uint256 public poweredWhileJailed;
    uint256 public exits;
    uint256 public activations;
    uint256 public slashes;
    uint256 public replacements;
    uint256 public slashesOfUnbonding;
    uint256 public rotations;
    uint256 public claims;
    uint256 internal keysMade;

    constructor(
        LockingPool pool_,
        MetisToken token_,
        NetworkParameters parameters_,
        address governance_,
        address slasher_,
        address settlement_
    ) {
        pool = pool_;
        token = token_;
        parameters = parameters_;
        governance = governance_;
        slasher = slasher_;
        settlement = settlement_;
        for (uint256 i = 0; i < OWNERS; ++i) {
            owners.push(address(uint160(0x1000 + i)));
        }
    }

    modifier told() {
        vm.recordLogs();
        _;
        replay(vm.getRecordedLogs());
    }

    // ---- owners ----

    function lock(uint256 who, uint256 amount) external told {
        address owner = owners[who % OWNERS];
        if (pool.seqOwners(owner) != 0) return;
        uint256 least = parameters.get(ParameterKeys.MIN_LOCK);
        amount = bound(amount, least, Math.max(least, parameters.get(ParameterKeys.MAX_LOCK)));
        (address signer, bytes memory proven) = newKey(owner);
        give(owner, amount);
        vm.prank(owner);
        try pool.lockFor(signer, amount, proven) returns (uint256 id) {
            stakeOf[id] = amount;
        } catch {
            takeBack(owner, amount);
        }
    }

    function relock(uint256 which, uint256 amount, bool withReward) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pick(which);
        if (id == 0) return;
        amount = bound(amount, 0, 5_000 * METIS);
        give(it.owner, amount);
        vm.prank(it.owner);
        try pool.relock(id, amount, withReward) {
            uint256 reward = it.reward - pool.sequencers(id).reward;
            stakeOf[id] += amount + reward;
            owedTo[id] -= reward;
            fund -= reward;
        } catch {
            takeBack(it.owner, amount);
        }
    }

    function withdraw(uint256 which, uint256 amount) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pick(which);
        if (id == 0) return;
        vm.prank(it.owner);
        try pool.withdraw(id, bound(amount, 0, it.amount)) {} catch {}
    }

    /// Whoever is in may begin to leave, always.
    function unlock(uint256 which) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pick(which);
        if (id == 0 || (it.status != ILockingPool.Status.Active && it.status != ILockingPool.Status.Pending)) return;
        if (it.status == ILockingPool.Status.Active && which % 3 != 0) return; // seats shall fill
        vm.prank(it.owner);
        try pool.unlock(id) {
            ++exits;
        } catch {
            ++refusedExits;
        }
    }

    /// Whatever is due is paid, always.
    function claim(uint256 which) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pick(which);
        if (id == 0) return;
        bool due = false;
        ILockingPool.Unbonding[] memory queue = pool.unbondings(id);
        for (uint256 i = 0; i < queue.length; ++i) {
            if (queue[i].claimableAt <= block.timestamp) due = true;
        }
        uint256 before = token.balanceOf(it.owner);
        vm.prank(it.owner);
        try pool.unlockClaim(id) {
            uint256 paid = token.balanceOf(it.owner) - before;
            stakeOf[id] -= paid;
            ++claims;
            takeBack(it.owner, paid);
        } catch {
            if (due) ++refusedExits;
        }
    }

    function claimRewards(uint256 which) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pick(which);
        if (id == 0) return;
        uint256 before = token.balanceOf(it.owner);
        vm.prank(it.owner);
        try pool.withdrawRewards(id) {
            uint256 paid = token.balanceOf(it.owner) - before;
            owedTo[id] -= paid;
            fund -= paid;
            takeBack(it.owner, paid);
        } catch {}
    }

    function rotate(uint256 which, bool bySigner) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pick(which);
        if (id == 0) return;
        (, bytes memory proven) = newKey(it.owner);
        vm.prank(bySigner ? it.signer : it.owner);
        try pool.updateSigner(id, proven) {
            ++rotations;
        } catch {}
    }

    function handOver(uint256 which, uint256 to) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pick(which);
        address next = owners[to % OWNERS];
        if (id == 0 || pool.seqOwners(it.owner) != id || pool.seqOwners(next) != 0) return;
        vm.prank(it.owner);
        pool.setSequencerOwner(id, next);
        vm.prank(next);
        try pool.acceptSequencerOwner(id) {} catch {}
    }

    function delegate(uint256 who, uint256 to) external told {
        vm.prank(owners[who % OWNERS]);
        pool.delegate(to % 3 == 0 ? address(0) : owners[to % OWNERS]);
    }

    // ---- anybody ----

    /// A stranger, or the hot key, tries to move somebody's stake or rewards.
    function rob(uint256 which, bool asSigner) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pick(which);
        if (id == 0) return;
        address thief = asSigner ? it.signer : address(0xbad);
        bytes[6] memory attempts = [
            abi.encodeCall(pool.withdraw, (id, 1)),
            abi.encodeCall(pool.withdrawRewards, (id)),
            abi.encodeCall(pool.unlock, (id)),
            abi.encodeCall(pool.unlockClaim, (id)),
            abi.encodeCall(pool.setSequencerOwner, (id, thief)),
            abi.encodeCall(pool.slash, (id, 1, thief, false))
        ];
        for (uint256 i = 0; i < attempts.length; ++i) {
            vm.prank(thief);
            (bool done,) = address(pool).call(attempts[i]);
            if (done) ++strangersWhoMovedStake;
        }
    }

    /// Mostly somebody who may be, and often as soon as that is.
    function activate(uint256 which, uint256 replaces, bool waits) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pickIn(which, ILockingPool.Status.Pending);
        (uint256 other,) = pickIn(replaces, ILockingPool.Status.Active);
        if (id == 0) return;
        if (waits && it.activatableAt > block.timestamp) until(it.activatableAt);
        try pool.activate(id, other) {
            ++activations;
            if (pool.sequencers(other).status == ILockingPool.Status.Pending) ++replacements;
        } catch {}
    }

    function poke(uint256 which) external told {
        (uint256 id,) = pick(which);
        if (id != 0) pool.poke(id);
    }

    function payFund(uint256 amount) external told {
        amount = bound(amount, 1, 100 * METIS);
        token.approve(address(pool), amount);
        pool.fundRewards(amount);
        fund += amount;
    }

    // ---- slasher, settlement, governance, time ----

    function slash(uint256 which, uint256 fraction, bool tombstone) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pick(which);
        if (id == 0 || fraction % 3 == 0) return;
        uint256 supply = token.totalSupply();
        uint256 part = fraction % 20 == 1 ? 10_000 : bound(fraction, 0, 600);
        if (it.unbonding != 0) ++slashesOfUnbonding;
        vm.prank(slasher);
        (uint256 slashed, uint256 rewarded) = pool.slash(id, part, REPORTER, tombstone && fraction % 4 == 0);
        stakeOf[id] -= slashed;
        burnt += supply - token.totalSupply();
        if (supply - token.totalSupply() != slashed - rewarded) ++strangersWhoMovedStake;
        ++slashes;
    }

    function unjail(uint256 which) external told {
        (uint256 id, ILockingPool.Sequencer memory it) = pick(which);
        if (id == 0) return;
        if (it.jailed && it.jailedUntil > block.timestamp) until(it.jailedUntil);
        vm.prank(it.signer);
        try pool.unjail(id) {} catch {}
    }

    function settle(uint256 which, uint256 amount, bool takes) external told {
        (uint256 id,) = pick(which);
        if (id == 0) return;
        amount = bound(amount, 0, 50 * METIS);
        uint256[] memory ids = new uint256[](1);
        uint256[] memory amounts = new uint256[](1);
        (ids[0], amounts[0]) = (id, amount);
        vm.prank(settlement);
        if (takes) {
            pool.fine(ids, amounts);
            owedTo[id] -= Math.min(owedTo[id], amount);
        } else {
            pool.creditRewards(ids, amounts);
            owedTo[id] += amount;
        }
    }

    function govern(uint256 what, uint256 value, uint256 which) external told {
        (uint256 id,) = pick(which);
        vm.startPrank(governance);
        if (what % 8 == 0) parameters.set(ParameterKeys.MAX_LOCK, bound(value, 20_000 * METIS, 120_000 * METIS));
        if (what % 8 == 1) parameters.set(ParameterKeys.MAX_SEQUENCERS, bound(value, 1, 4));
        if (what % 8 == 2) parameters.set(ParameterKeys.EXIT_DELAY, bound(value, 1 days, 30 days));
        if (what % 8 == 3 && pool.paused() != (value % 4 == 0)) pool.setPause(value % 4 == 0);
        if (what % 8 == 4) pool.setWhitelistRequired(value % 8 == 0);
        if (what % 8 == 5) pool.setWhitelist(owners[value % OWNERS], value % 4 != 0);
        if (what % 8 == 6 && id != 0) {
            try pool.vacate(id) {} catch {}
        }
        if (what % 8 == 7 && id != 0 && value % 4 == 0) {
            try pool.forceUnlock(id) {} catch {}
        }
        vm.stopPrank();
    }

    function wait(uint256 blocks) external {
        blocks = blocks % 2 == 0 ? bound(blocks, 1, 10) : bound(blocks, 1, 150_000);
        until(block.timestamp + blocks * 12);
    }

    // ---- the events' own story ----

    function replay(Vm.Log[] memory logs) internal {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != address(pool) || logs[i].topics[0] != SEAT_CHANGED) continue;
            uint256 id = uint256(logs[i].topics[1]);
            (uint64 power, uint64 total) = abi.decode(logs[i].data, (uint64, uint64));
            note(id, address(uint160(uint256(logs[i].topics[2]))), power, total);
        }
    }

    function note(uint256 id, address signer, uint64 power, uint64 total) internal {
        Seat[] storage past = seats[id];
        if (past.length != 0 && past[past.length - 1].blockNumber == block.number) past.pop();
        past.push(Seat(block.number, signer, power));
        if (totals.length != 0 && totals[totals.length - 1].blockNumber == block.number) totals.pop();
        totals.push(Total(block.number, total));
        maxLockAtWrite[id] = parameters.get(ParameterKeys.MAX_LOCK);
        if (power != 0 && pool.sequencers(id).jailed) ++poweredWhileJailed;
    }

    function seatsOf(uint256 id) external view returns (Seat[] memory) {
        return seats[id];
    }

    function allTotals() external view returns (Total[] memory) {
        return totals;
    }

    // ---- means ----

    function until(uint256 time) internal {
        uint256 blocks = (time - block.timestamp + 11) / 12;
        vm.roll(block.number + blocks);
        vm.warp(block.timestamp + blocks * 12);
    }

    /// @dev A sequencer of that status if there is one, else any; starting anywhere.
    function pickIn(uint256 which, ILockingPool.Status status)
        internal
        view
        returns (uint256 id, ILockingPool.Sequencer memory it)
    {
        uint256 count = pool.sequencerCount();
        for (uint256 i = 0; i < count; ++i) {
            (id, it) = pick(which % count + i);
            if (it.status == status && !it.jailed) return (id, it);
        }
        return pick(which);
    }

    function pick(uint256 which) internal view returns (uint256 id, ILockingPool.Sequencer memory it) {
        uint256 count = pool.sequencerCount();
        if (count == 0) return (0, it);
        id = which % count + 1;
        it = pool.sequencers(id);
    }

    function newKey(address owner) internal returns (address signer, bytes memory proven) {
        Vm.Wallet memory key = vm.createWallet(++keysMade);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, pool.signerProofDigest(owner));
        return (key.addr, abi.encodePacked(key.publicKeyX, key.publicKeyY, r, s, v));
    }

    function give(address owner, uint256 amount) internal {
        token.transfer(owner, amount);
        vm.prank(owner);
        token.approve(address(pool), amount);
    }

    function takeBack(address owner, uint256 amount) internal {
        vm.prank(owner);
        token.transfer(address(this), amount);
    }
}
