// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Vm} from "forge-std/Vm.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @dev How stake comes in and goes out, each refusal beside its acceptance.
contract StakeTest is PoolFixture {
    uint256 internal constant MIN = 20_000 * METIS;
    uint256 internal constant MAX = 100_000 * METIS;

    // ---- lock ----

    function testFuzz_LockMakesAPendingSequencer(uint256 amount) public {
        amount = bound(amount, MIN, MAX);
        address owner = ownerOf("a");
        Vm.Wallet memory key = keyOf("a");
        fundOwner(pool, owner, amount);
        bytes memory proven = provenKey(key, owner);
        bytes memory pubkey = abi.encodePacked(key.publicKeyX, key.publicKeyY);
        vm.expectEmit(address(pool));
        emit ILockingPool.Locked(key.addr, 1, owner, amount, amount, pubkey);
        vm.expectEmit(address(pool));
        emit ILockingPool.SeatChanged(1, key.addr, 0, 0);
        vm.expectEmit(address(pool));
        emit ILockingPool.StakeChanged(1, ILockingPool.Status.Pending, false, false, amount, 0);
        vm.prank(owner);
        uint256 id = pool.lockFor(key.addr, amount, proven);
        assertEq(id, 1);
        ILockingPool.Sequencer memory made = get(id);
        assertEq(made.amount, amount);
        assertEq(made.owner, owner);
        assertEq(made.signer, key.addr);
        assertEq(made.rewardRecipient, address(0));
        assertEq(made.power, 0);
        assertEq(made.activatableAt, block.timestamp + 1 days);
        assertStatus(id, ILockingPool.Status.Pending);
        assertEq(pool.seqOwners(owner), id);
        assertEq(pool.signerSequencer(key.addr), id);
        assertEq(pool.sequencerCount(), 1);
        assertEq(token.balanceOf(owner), 0);
        assertBooksBalance();
    }

    function test_LockRefusesAmountsOutsideOfTheLimits() public {
        (address owner, Vm.Wallet memory key, bytes memory proven) = candidate("a");
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.BelowMinLock.selector, MIN - 1, MIN));
        pool.lockFor(key.addr, MIN - 1, proven);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.AboveMaxLock.selector, MAX + 1, MAX));
        pool.lockFor(key.addr, MAX + 1, proven);
    }

    function test_LockRefusesWithoutAllowance() public {
        (address owner, Vm.Wallet memory key, bytes memory proven) = candidate("a");
        vm.prank(owner);
        token.approve(address(pool), MIN - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(pool), MIN - 1, MIN)
        );
        vm.prank(owner);
        pool.lockFor(key.addr, MIN, proven);
    }

    function test_OneOwnerOneSequencer() public {
        uint256 id = lock("a", MIN);
        address owner = ownerOf("a");
        Vm.Wallet memory key = keyOf("another");
        bytes memory proven = provenKey(key, owner);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.OwnsSequencer.selector, owner, id));
        vm.prank(owner);
        pool.lockFor(key.addr, MIN, proven);
    }

    function test_LockRefusesAKeyThatIsNotTheSigners() public {
        (address owner, Vm.Wallet memory key, bytes memory proven) = candidate("a");
        address other = keyOf("b").addr;
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.PubkeyMismatch.selector, other, key.addr));
        vm.prank(owner);
        pool.lockFor(other, MIN, proven);
    }

    function testFuzz_LockRefusesPubkeysOfAnotherLength(uint8 length) public {
        vm.assume(length != 129);
        (address owner, Vm.Wallet memory key,) = candidate("a");
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.BadPubkeyLength.selector, length));
        vm.prank(owner);
        pool.lockFor(key.addr, MIN, new bytes(length));
    }

    function test_LockRefusesARewardRecipientThatIsThePool() public {
        (address owner, Vm.Wallet memory key, bytes memory proven) = candidate("a");
        vm.expectRevert(ILockingPool.PoolIsNoRecipient.selector);
        vm.prank(owner);
        pool.lockWithRewardRecipient(key.addr, address(pool), MIN, proven);
        vm.prank(owner);
        uint256 id = pool.lockWithRewardRecipient(key.addr, stranger, MIN, proven);
        assertEq(get(id).rewardRecipient, stranger);
    }

    function test_WhitelistGatesNewStakeOnly() public {
        vm.prank(governance);
        pool.setWhitelistRequired(true);
        (address owner, Vm.Wallet memory key, bytes memory proven) = candidate("a");
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotWhitelisted.selector, owner));
        vm.prank(owner);
        pool.lockFor(key.addr, MIN, proven);
        vm.prank(governance);
        pool.setWhitelist(owner, true);
        vm.prank(owner);
        pool.lockFor(key.addr, MIN, proven);
    }

    function test_PauseStopsLockRelockAndActivation() public {
        uint256 id = lock("a", MIN);
        pass(1 days);
        (address owner, Vm.Wallet memory key, bytes memory proven) = candidate("b");
        vm.prank(governance);
        pool.setPause(true);
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        vm.prank(owner);
        pool.lockFor(key.addr, MIN, proven);
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        vm.prank(ownerOf("a"));
        pool.relock(id, 1, false);
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        pool.activate(id, 0);
        vm.prank(governance);
        pool.setPause(false);
        vm.prank(owner);
        pool.lockFor(key.addr, MIN, proven);
        pool.activate(id, 0);
    }

    // ---- relock ----

    function testFuzz_RelockAddsStakeAndPower(uint256 first, uint256 more) public {
        first = bound(first, MIN, MAX - 1);
        more = bound(more, 1, MAX - first);
        uint256 id = seat("a", first);
        address owner = ownerOf("a");
        fundOwner(pool, owner, more);
        vm.expectEmit(address(pool));
        emit ILockingPool.Relocked(id, more, 0, first + more);
        vm.prank(owner);
        pool.relock(id, more, false);
        assertEq(get(id).amount, first + more);
        assertEq(get(id).power, (first + more) / 1 gwei);
        assertBooksBalance();
    }

    function test_RelockTakesRewardsAsFarAsFundAndLimitAllow() public {
        uint256 id = seat("a", MIN);
        credit(id, 500 * METIS);
        vm.startPrank(ownerOf("a"));
        vm.expectRevert(ILockingPool.ZeroAmount.selector); // nothing funded
        pool.relock(id, 0, true);
        vm.stopPrank();
        fundRewards(300 * METIS);
        vm.prank(ownerOf("a"));
        pool.relock(id, 0, true);
        assertEq(get(id).amount, MIN + 300 * METIS);
        assertEq(get(id).reward, 200 * METIS);
        assertEq(pool.rewardFund(), 0);
        fundRewards(1_000 * METIS);
        setParameter(ParameterKeys.MAX_LOCK, MIN + 350 * METIS);
        vm.prank(ownerOf("a"));
        pool.relock(id, 0, true);
        assertEq(get(id).amount, MIN + 350 * METIS);
        assertEq(get(id).reward, 150 * METIS);
        assertBooksBalance();
    }

    function test_RelockRefuses() public {
        uint256 id = seat("a", MAX - 1);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSequencerOwner.selector, id, stranger));
        vm.prank(stranger);
        pool.relock(id, 1, false);
        vm.startPrank(ownerOf("a"));
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.AboveMaxLock.selector, MAX + 1, MAX));
        pool.relock(id, 2, false);
        vm.expectRevert(ILockingPool.ZeroAmount.selector);
        pool.relock(id, 0, false);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NoSuchSequencer.selector, 2));
        pool.relock(2, 1, false);
        pool.unlock(id);
        vm.expectRevert(
            abi.encodeWithSelector(ILockingPool.WrongStatus.selector, id, ILockingPool.Status.Inactive)
        );
        pool.relock(id, 1, false);
    }

    // ---- partial withdrawal ----

    function testFuzz_WithdrawUnbondsAPart(uint256 amount) public {
        amount = bound(amount, 1, MAX - MIN);
        uint256 id = seat("a", MAX);
        address owner = ownerOf("a");
        uint64 due = uint64(block.timestamp + 21 days);
        vm.expectEmit(address(pool));
        emit ILockingPool.Withdraw(id, amount, MAX - amount, due);
        vm.startPrank(owner);
        pool.withdraw(id, amount);
        assertEq(get(id).power, (MAX - amount) / 1 gwei);
        assertEq(get(id).unbonding, amount);
        assertEq(pool.unbondings(id)[0].claimableAt, due);
        assertBooksBalance();
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NothingToClaim.selector, id, due));
        pool.unlockClaim(id);
        pass(21 days);
        assertEq(pool.unlockClaim(id), amount);
        assertEq(token.balanceOf(owner), amount);
        assertStatus(id, ILockingPool.Status.Active);
        assertBooksBalance();
    }

    function test_WithdrawRefuses() public {
        uint256 id = seat("a", MAX);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSequencerOwner.selector, id, stranger));
        vm.prank(stranger);
        pool.withdraw(id, 1);
        vm.startPrank(ownerOf("a"));
        vm.expectRevert(ILockingPool.ZeroAmount.selector);
        pool.withdraw(id, 0);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.InsufficientStake.selector, MAX + 1, MAX));
        pool.withdraw(id, MAX + 1);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.BelowMinLock.selector, MIN - 1, MIN));
        pool.withdraw(id, MAX - MIN + 1);
    }

    function test_WithdrawalsAreFewAndUnlockAlwaysHasAPlace() public {
        uint256 id = seat("a", MAX);
        vm.startPrank(ownerOf("a"));
        for (uint256 i = 0; i < 7; ++i) {
            pool.withdraw(id, METIS);
        }
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.TooManyUnbondings.selector, id, 7));
        pool.withdraw(id, METIS);
        pool.unlock(id);
        assertEq(pool.unbondings(id).length, pool.MAX_UNBONDINGS());
        pass(21 days);
        assertEq(pool.unlockClaim(id), MAX);
        assertStatus(id, ILockingPool.Status.Unlocked);
    }

    function test_ClaimTakesWhatIsDueAndKeepsTheRestInOrder() public {
        uint256 id = seat("a", MAX);
        vm.startPrank(ownerOf("a"));
        pool.withdraw(id, 1 * METIS);
        vm.stopPrank();
        setParameter(ParameterKeys.EXIT_DELAY, 10 days);
        mine(1);
        vm.startPrank(ownerOf("a"));
        pool.withdraw(id, 2 * METIS); // due before the first
        pass(1 days);
        pool.withdraw(id, 3 * METIS);
        pass(9 days);
        assertEq(pool.unlockClaim(id), 2 * METIS);
        ILockingPool.Unbonding[] memory left = pool.unbondings(id);
        assertEq(left.length, 2);
        assertEq(left[0].amount, 1 * METIS);
        assertEq(left[1].amount, 3 * METIS);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NothingToClaim.selector, id, left[1].claimableAt));
        pool.unlockClaim(id);
        pass(11 days);
        assertEq(pool.unlockClaim(id), 4 * METIS);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NothingToClaim.selector, id, 0));
        pool.unlockClaim(id);
    }

    // ---- leaving ----

    function testFuzz_LeaveWholly(uint256 amount) public {
        amount = bound(amount, MIN, MAX);
        uint256 id = seat("a", amount);
        address owner = ownerOf("a");
        uint64 due = uint64(block.timestamp + 21 days);
        vm.expectEmit(address(pool));
        emit ILockingPool.UnlockInit(owner, id, amount, due, false);
        vm.expectEmit(address(pool));
        emit ILockingPool.SeatChanged(id, keyOf("a").addr, 0, 0);
        vm.prank(owner);
        pool.unlock(id);
        assertStatus(id, ILockingPool.Status.Inactive);
        assertEq(pool.seatsTaken(), 0);
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NothingToClaim.selector, id, due));
        vm.prank(owner);
        pool.unlockClaim(id);
        vm.warp(due);
        vm.expectEmit(address(pool));
        emit ILockingPool.Unlocked(owner, id, amount, 0);
        vm.prank(owner);
        pool.unlockClaim(id);
        assertEq(token.balanceOf(owner), amount);
        assertStatus(id, ILockingPool.Status.Unlocked);
        assertEq(pool.seqOwners(owner), 0);
        assertBooksBalance();
    }

    function test_WhoLeftMayComeBackWithANewKey() public {
        uint256 id = seat("a", MIN);
        address owner = ownerOf("a");
        vm.startPrank(owner);
        pool.unlock(id);
        pass(21 days);
        pool.unlockClaim(id);
        token.approve(address(pool), MIN);
        bytes memory retired = provenKey(keyOf("a"), owner);
        address retiredKey = keyOf("a").addr;
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.SignerUsed.selector, retiredKey, id));
        pool.lockFor(retiredKey, MIN, retired);
        Vm.Wallet memory fresh = keyOf("fresh");
        bytes memory proven = provenKey(fresh, owner);
        assertEq(pool.lockFor(fresh.addr, MIN, proven), 2);
    }

    function test_LeaveRefuses() public {
        uint256 id = seat("a", MIN);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSequencerOwner.selector, id, stranger));
        vm.prank(stranger);
        pool.unlock(id);
        vm.prank(ownerOf("a"));
        pool.unlock(id);
        vm.expectRevert(
            abi.encodeWithSelector(ILockingPool.WrongStatus.selector, id, ILockingPool.Status.Inactive)
        );
        vm.prank(ownerOf("a"));
        pool.unlock(id);
        pass(21 days);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSequencerOwner.selector, id, stranger));
        vm.prank(stranger);
        pool.unlockClaim(id);
    }

    function candidate(string memory name)
        internal
        returns (address owner, Vm.Wallet memory key, bytes memory proven)
    {
        owner = ownerOf(name);
        key = keyOf(name);
        fundOwner(pool, owner, MAX + 1);
        proven = provenKey(key, owner);
    }
}
