// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Vm} from "forge-std/Vm.sol";
import {LockingPool} from "../../src/l1/LockingPool.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @dev METIS of a network whose token knows no `burn`.
contract PlainToken is ERC20("Plain", "PLN") {
    constructor(address holder, uint256 supply) {
        _mint(holder, supply);
    }
}

/// @dev Slashing, jail, tombstones.
contract DisciplineTest is PoolFixture {
    uint256 internal constant MIN = 20_000 * METIS;
    uint256 internal constant MAX = 100_000 * METIS;

    function testFuzz_SlashBurnsAndPaysTheReporter(uint256 amount, uint256 fraction) public {
        amount = bound(amount, MIN, MAX);
        fraction = bound(fraction, 0, 10_000);
        uint256 id = seat("a", amount);
        uint256 supply = token.totalSupply();
        uint256 cut = amount * fraction / 10_000;
        uint256 reward = cut * 500 / 10_000;
        if (reward > 100 * METIS) reward = 100 * METIS;
        vm.expectEmit(address(pool));
        emit ILockingPool.Slashed(id, stranger, cut, reward);
        vm.expectEmit(address(pool));
        emit ILockingPool.Jailed(id, uint64(block.timestamp + 7 days), false);
        (uint256 slashed, uint256 rewarded) = slash(id, fraction, stranger, false);
        assertEq(slashed, cut);
        assertEq(rewarded, reward);
        assertEq(token.balanceOf(stranger), reward);
        assertEq(token.totalSupply(), supply - cut + reward, "the rest is burnt");
        assertEq(get(id).amount, amount - cut);
        assertEq(get(id).power, 0);
        assertStatus(id, ILockingPool.Status.Pending);
        assertEq(pool.seatsTaken(), 0);
        assertBooksBalance();
    }

    function test_StakeIsSlashedDuringUnbondingAndNotAfter() public {
        uint256 id = seat("a", MAX);
        address owner = ownerOf("a");
        vm.prank(owner);
        pool.withdraw(id, 10_000 * METIS);
        uint256 firstDue = pool.unbondings(id)[0].claimableAt;
        pass(10 days);
        vm.prank(owner);
        pool.withdraw(id, 20_000 * METIS);
        pass(1 days);
        vm.prank(owner);
        pool.unlock(id);
        vm.warp(firstDue); // the first part has matured, claimed or not
        (uint256 slashed,) = slash(id, 1_000, address(0), false);
        assertEq(slashed, 9_000 * METIS);
        ILockingPool.Unbonding[] memory queue = pool.unbondings(id);
        assertEq(queue[0].amount, 10_000 * METIS);
        assertEq(queue[1].amount, 18_000 * METIS);
        assertEq(queue[2].amount, 63_000 * METIS);
        assertStatus(id, ILockingPool.Status.Inactive);
        assertBooksBalance();
        pass(21 days);
        (slashed,) = slash(id, 10_000, address(0), false);
        assertEq(slashed, 0, "the exit delay is over");
        vm.prank(owner);
        assertEq(pool.unlockClaim(id), 91_000 * METIS);
        assertBooksBalance();
    }

    function test_JailIsLeftAfterItsTermAndASeatMustBeTakenAgain() public {
        uint256 id = seat("a", MIN * 2);
        slash(id, 500, stranger, false);
        uint64 until = get(id).jailedUntil;
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.IsJailed.selector, id, until));
        pool.activate(id, 0);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotOwnerOrSigner.selector, id, stranger));
        vm.prank(stranger);
        pool.unjail(id);
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.JailTermNotOver.selector, id, until));
        vm.prank(ownerOf("a"));
        pool.unjail(id);
        vm.warp(until);
        vm.expectEmit(address(pool));
        emit ILockingPool.Unjailed(id);
        vm.prank(keyOf("a").addr);
        pool.unjail(id);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotJailed.selector, id));
        vm.prank(ownerOf("a"));
        pool.unjail(id);
        assertEq(get(id).power, 0);
        pool.activate(id, 0);
        assertEq(get(id).power, MIN * 2 * 95 / 100 / 1 gwei);
    }

    function test_WhoFellBelowTheLeastStakeRelocksBeforeItsReturn() public {
        uint256 id = seat("a", MIN);
        slash(id, 500, address(0), false);
        vm.warp(get(id).jailedUntil);
        vm.prank(ownerOf("a"));
        pool.unjail(id);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.BelowMinLock.selector, MIN * 95 / 100, MIN));
        pool.activate(id, 0);
        fundOwner(pool, ownerOf("a"), MIN * 5 / 100);
        vm.prank(ownerOf("a"));
        pool.relock(id, MIN * 5 / 100, false);
        pool.activate(id, 0);
        assertEq(get(id).power, MIN / 1 gwei);
    }

    function test_ATombstoneIsForEverButStakeCanLeave() public {
        uint256 id = seat("a", MAX);
        slash(id, 500, stranger, true);
        vm.warp(get(id).jailedUntil + 365 days);
        vm.startPrank(ownerOf("a"));
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.IsTombstoned.selector, id));
        pool.unjail(id);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.IsTombstoned.selector, id));
        pool.activate(id, 0);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.IsTombstoned.selector, id));
        pool.relock(id, METIS, false);
        pool.unlock(id);
        pass(21 days);
        pool.unlockClaim(id);
        assertEq(token.balanceOf(ownerOf("a")), MAX * 95 / 100);
    }

    function test_AllOfAStakeCanBeSlashed() public {
        uint256 id = seat("a", MIN);
        slash(id, 10_000, address(0), true);
        assertEq(get(id).amount, 0);
        vm.startPrank(ownerOf("a"));
        pool.unlock(id);
        pass(21 days);
        assertEq(pool.unlockClaim(id), 0);
        assertStatus(id, ILockingPool.Status.Unlocked);
    }

    function test_ALaterTermNeverEndsSooner() public {
        uint256 id = seat("a", MIN);
        slash(id, 1, address(0), false);
        uint64 until = get(id).jailedUntil;
        setParameter(ParameterKeys.JAIL_TERM, 1);
        slash(id, 1, address(0), false);
        assertEq(get(id).jailedUntil, until);
    }

    function test_OnlyTheSlasherSlashesAndOnlyParts() public {
        uint256 id = seat("a", MIN);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSlasher.selector, governance));
        vm.prank(governance);
        pool.slash(id, 1, address(0), false);
        vm.startPrank(slasher);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.BadFraction.selector, 10_001));
        pool.slash(id, 10_001, address(0), false);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NoSuchSequencer.selector, 2));
        pool.slash(2, 1, address(0), false);
    }

    function test_ThePoolAsReporterGetsNothing() public {
        uint256 id = seat("a", MAX);
        (, uint256 rewarded) = slash(id, 5_000, address(pool), false);
        assertEq(rewarded, 0);
        assertBooksBalance();
    }

    function test_ATokenThatCantBurnIsPutOutOfReach() public {
        PlainToken plain = new PlainToken(address(this), MAX);
        LockingPool other = newPool(address(plain));
        Vm.Wallet memory key = keyOf("a");
        bytes memory proven = provenKey(other, key, address(this));
        plain.approve(address(other), MAX);
        uint256 id = other.lockFor(key.addr, MAX, proven);
        vm.prank(slasher);
        (uint256 slashed, uint256 rewarded) = other.slash(id, 5_000, stranger, false);
        assertEq(slashed, MAX / 2);
        assertEq(plain.balanceOf(0x000000000000000000000000000000000000dEaD), slashed - rewarded);
        assertEq(plain.balanceOf(address(other)), other.totalLocked());
    }
}
