// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @dev What is owed, fined and paid.
contract RewardsTest is PoolFixture {
    uint256 internal constant MIN = 20_000 * METIS;

    function testFuzz_RewardsArePaidAsFarAsTheFundReaches(uint256 owed, uint256 fund) public {
        owed = bound(owed, 1, 1_000 * METIS);
        fund = bound(fund, 1, 1_000 * METIS);
        uint256 id = seat("a", MIN);
        address owner = ownerOf("a");
        credit(id, owed);
        assertEq(pool.totalOwed(), owed);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.RewardFundEmpty.selector, id, owed));
        vm.prank(owner);
        pool.withdrawRewards(id);
        fundRewards(fund);
        uint256 paid = owed < fund ? owed : fund;
        vm.expectEmit(address(pool));
        emit ILockingPool.ClaimRewards(id, owner, paid, owed - paid);
        vm.prank(owner);
        assertEq(pool.withdrawRewards(id), paid);
        assertEq(token.balanceOf(owner), paid);
        assertEq(pool.totalOwed(), owed - paid);
        assertEq(pool.rewardFund(), fund - paid);
        assertEq(get(id).amount, MIN, "stake pays no rewards");
        assertBooksBalance();
    }

    function test_RewardsGoToTheRecipient() public {
        uint256 id = seat("a", MIN);
        credit(id, 5);
        fundRewards(10);
        vm.startPrank(ownerOf("a"));
        vm.expectRevert(ILockingPool.PoolIsNoRecipient.selector);
        pool.setSequencerRewardRecipient(id, address(pool));
        pool.setSequencerRewardRecipient(id, stranger);
        pool.withdrawRewards(id);
        assertEq(token.balanceOf(stranger), 5);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NoRewards.selector, id));
        pool.withdrawRewards(id);
        vm.stopPrank();
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSequencerOwner.selector, id, stranger));
        pool.withdrawRewards(id);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSequencerOwner.selector, id, stranger));
        pool.setSequencerRewardRecipient(id, stranger);
    }

    function testFuzz_FinesTakeOwedRewardsAndNothingElse(uint256 owed, uint256 fined) public {
        owed = bound(owed, 0, 1_000 * METIS);
        fined = bound(fined, 0, type(uint128).max);
        uint256 id = seat("a", MIN);
        credit(id, owed);
        (uint256[] memory ids, uint256[] memory amounts) = one(id, fined);
        vm.prank(settlement);
        pool.fine(ids, amounts);
        assertEq(get(id).reward, owed > fined ? owed - fined : 0);
        assertEq(pool.totalOwed(), get(id).reward);
        assertEq(get(id).amount, MIN);
        assertEq(get(id).power, MIN / 1 gwei);
    }

    function test_OnlyTheSettlementCreditsAndFines() public {
        (uint256[] memory ids, uint256[] memory amounts) = one(1, 1);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSettlement.selector, address(this)));
        pool.creditRewards(ids, amounts);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSettlement.selector, address(this)));
        pool.fine(ids, amounts);
        vm.startPrank(settlement);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.LengthMismatch.selector, 1, 2));
        pool.creditRewards(ids, new uint256[](2));
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.LengthMismatch.selector, 1, 2));
        pool.fine(ids, new uint256[](2));
    }

    function test_UnknownIdsHoldUpNobody() public {
        uint256 id = seat("a", MIN);
        uint256[] memory ids = new uint256[](3);
        uint256[] memory amounts = new uint256[](3);
        (ids[0], ids[1], ids[2]) = (0, id, 77);
        (amounts[0], amounts[1], amounts[2]) = (1, 2, 3);
        vm.startPrank(settlement);
        pool.creditRewards(ids, amounts);
        assertEq(get(id).reward, 2);
        assertEq(pool.totalOwed(), 2);
        pool.fine(ids, amounts);
        assertEq(pool.totalOwed(), 0);
    }

    function test_WhoIsGoneStillGetsWhatIsOwed() public {
        uint256 id = seat("a", MIN);
        vm.startPrank(ownerOf("a"));
        pool.unlock(id);
        pass(21 days);
        pool.unlockClaim(id);
        vm.stopPrank();
        credit(id, 9);
        fundRewards(9);
        vm.prank(ownerOf("a"));
        assertEq(pool.withdrawRewards(id), 9);
        assertBooksBalance();
    }

    function test_FundRefusesNothing() public {
        vm.expectRevert(ILockingPool.ZeroAmount.selector);
        pool.fundRewards(0);
    }
}
