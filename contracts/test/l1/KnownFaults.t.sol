// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @dev Faults that pools of sequencers had or could have, each told as the story that must not happen.
contract KnownFaultsTest is PoolFixture {
    uint256 internal constant MIN = 20_000 * METIS;
    uint256 internal constant MAX = 100_000 * METIS;

    /// Rewards were kept by signer: one rotated key made the whole reward batch revert.
    function test_Fault_RotatedKeyBlocksEverybodysRewards() public {
        uint256 a = seat("a", MIN);
        uint256 b = seat("b", MIN);
        bytes memory proven = provenKey(keyOf("a2"), ownerOf("a"));
        vm.prank(ownerOf("a"));
        pool.updateSigner(a, proven);
        uint256[] memory ids = new uint256[](2);
        uint256[] memory amounts = new uint256[](2);
        (ids[0], ids[1]) = (a, b);
        (amounts[0], amounts[1]) = (3, 4);
        vm.prank(settlement);
        pool.creditRewards(ids, amounts);
        assertEq(get(a).reward, 3);
        assertEq(get(b).reward, 4);
    }

    /// Only the signer could rotate itself: a lost key cost the stake 21 days, a stolen one for ever.
    function test_Fault_OwnerCantRotateALostOrStolenKey() public {
        uint256 id = seat("a", MIN);
        address thief = keyOf("a").addr;
        bytes memory proven = provenKey(keyOf("thief's other"), ownerOf("a"));
        vm.prank(thief);
        pool.updateSigner(id, proven); // the thief was faster
        proven = provenKey(keyOf("safe"), ownerOf("a"));
        vm.prank(ownerOf("a"));
        pool.updateSigner(id, proven);
        assertEq(get(id).signer, keyOf("safe").addr);
        proven = provenKey(keyOf("thief's third"), ownerOf("a"));
        address[2] memory stolen = [thief, keyOf("thief's other").addr];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotOwnerOrSigner.selector, id, stolen[i]));
            vm.prank(stolen[i]);
            pool.updateSigner(id, proven);
        }
        assertEq(get(id).power, MIN / 1 gwei, "power stays");
    }

    /// A pause, or the loss of a whitelist entry, kept owners from leaving and from claiming.
    function test_Fault_PauseOrWhitelistTrapsStake() public {
        uint256 id = seat("a", MAX);
        address owner = ownerOf("a");
        credit(id, 7);
        fundRewards(7);
        vm.startPrank(governance);
        pool.setWhitelistRequired(true);
        pool.setWhitelist(owner, false);
        pool.setPause(true);
        vm.stopPrank();
        vm.startPrank(owner);
        pool.withdraw(id, MAX - MIN);
        pool.withdrawRewards(id);
        pool.setSequencerRewardRecipient(id, stranger);
        bytes memory proven = provenKey(keyOf("rotated"), owner);
        pool.updateSigner(id, proven);
        pool.unlock(id);
        pass(21 days);
        assertEq(pool.unlockClaim(id), MAX);
        assertEq(token.balanceOf(owner), MAX + 7);
    }

    /// Governance could not eject a sequencer that had never named a reward recipient.
    function test_Fault_ForceUnlockRevertsWithoutARecipient() public {
        uint256 id = seat("a", MIN);
        assertEq(get(id).rewardRecipient, address(0));
        credit(id, 5);
        vm.expectEmit(address(pool));
        emit ILockingPool.UnlockInit(ownerOf("a"), id, MIN, uint64(block.timestamp + 21 days), true);
        vm.prank(governance);
        pool.forceUnlock(id);
        assertStatus(id, ILockingPool.Status.Inactive);
        assertEq(pool.totalPower(), 0);
        pass(21 days);
        vm.prank(ownerOf("a"));
        assertEq(pool.unlockClaim(id), MIN);
        fundRewards(5);
        vm.prank(ownerOf("a"));
        assertEq(pool.withdrawRewards(id), 5);
    }

    /// 80,000 of 100,000 METIS left in one transaction, out of reach of any penalty.
    function test_Fault_PartialWithdrawalLeavesAtOnce() public {
        uint256 id = seat("a", MAX);
        vm.prank(ownerOf("a"));
        pool.withdraw(id, MAX - MIN);
        assertEq(token.balanceOf(ownerOf("a")), 0);
        (uint256 slashed,) = slash(id, 5_000, address(0), false);
        assertEq(slashed, MAX / 2);
    }

    /// The account that paid rewards had to be solvent, else settlement reverted.
    function test_Fault_UnfundedPayerBlocksSettlement() public {
        uint256 id = seat("a", MIN);
        assertEq(pool.rewardFund(), 0);
        credit(id, 1_000_000 * METIS);
        credit(id, 1);
        assertEq(get(id).reward, 1_000_000 * METIS + 1);
        (uint256[] memory ids, uint256[] memory amounts) = one(id, 2);
        vm.prank(settlement);
        pool.fine(ids, amounts);
        assertEq(pool.totalOwed(), 1_000_000 * METIS - 1);
        vm.prank(ownerOf("a"));
        pool.unlock(id);
        pass(21 days);
        vm.prank(ownerOf("a"));
        assertEq(pool.unlockClaim(id), MIN, "a debt keeps no stake back");
    }

    /// Views and writes scanned the whole past: what costs gas must not grow with history.
    function test_Fault_LinearScansGrowWithHistory() public {
        uint256 id = seat("a", MIN);
        fundOwner(pool, ownerOf("a"), 1_000 * METIS);
        uint256 young = gasOfRelock(id);
        young = gasOfRelock(id); // storage is warm in shape now
        for (uint256 i = 0; i < 500; ++i) {
            gasOfRelock(id);
        }
        uint256 old = gasOfRelock(id);
        assertApproxEqAbs(old, young, 500, "relock costs as much after 500 changes");
        uint256 gas = gasleft();
        pool.seatAt(id, block.number - 250);
        assertLt(gas - gasleft(), 60_000, "a look into the past is a binary search");
    }

    /// A stranger's public key could be registered, and its holder was then bound to another's stake.
    function test_Fault_StrangersKeyCanBeRegistered() public {
        Vm.Wallet memory victim = keyOf("victim");
        Vm.Wallet memory thief = keyOf("thief");
        address owner = ownerOf("thief");
        fundOwner(pool, owner, MIN);
        bytes32 digest = pool.signerProofDigest(owner);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(thief, digest);
        bytes memory forged = abi.encodePacked(victim.publicKeyX, victim.publicKeyY, r, s, v);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.BadSignerProof.selector, victim.addr, digest));
        vm.prank(owner);
        pool.lockFor(victim.addr, MIN, forged);
        // nor can a proof that the victim made for its own owner be used by another
        bytes memory copied = provenKey(victim, ownerOf("victim"));
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.BadSignerProof.selector, victim.addr, digest));
        vm.prank(owner);
        pool.lockFor(victim.addr, MIN, copied);
        assertEq(pool.signerSequencer(victim.addr), 0);
    }

    /// A retired key must never point at another sequencer, so that evidence can't burn an innocent owner.
    function test_Fault_RetiredKeyBurnsAnInnocentOwner() public {
        uint256 guilty = seat("a", MIN);
        Vm.Wallet memory retired = keyOf("a");
        bytes memory proven = provenKey(keyOf("a2"), ownerOf("a"));
        uint256 rotated = block.number;
        vm.prank(ownerOf("a"));
        pool.updateSigner(guilty, proven);
        fundOwner(pool, ownerOf("b"), MIN);
        bytes memory reused = provenKey(retired, ownerOf("b"));
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.SignerUsed.selector, retired.addr, guilty));
        vm.prank(ownerOf("b"));
        pool.lockFor(retired.addr, MIN, reused);
        mine(1);
        (address signer,) = pool.seatAt(guilty, rotated);
        assertNotEq(signer, retired.addr, "from the block of its rotation on it signs for nobody");
    }

    /// Stake locked a moment ago had weight at once: borrowed money could vote.
    function test_Fault_NewLockHasInstantWeight() public {
        seat("old", MIN);
        setParameter(ParameterKeys.ACTIVATION_DELAY, 1); // the least that governance may choose
        uint256 id = lock("new", MAX);
        assertEq(get(id).power, 0);
        assertEq(pool.getVotes(ownerOf("new")), 0);
        uint64 due = get(id).activatableAt;
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.ActivationTooEarly.selector, id, due));
        pool.activate(id, 0);
        mine(1);
        (, uint64 power) = pool.seatAt(id, block.number - 1);
        assertEq(power, 0, "no weight in the block of the lock");
    }

    /// An upgraded or careless limit must not strand those who stand beyond it.
    function test_Fault_ChangedLimitsTrapStake() public {
        uint256 id = seat("a", MIN);
        vm.startPrank(governance);
        parameters.set(ParameterKeys.MAX_LOCK, 10_000_000 * METIS);
        parameters.set(ParameterKeys.MIN_LOCK, 10_000_000 * METIS);
        vm.stopPrank();
        vm.startPrank(ownerOf("a"));
        pool.unlock(id);
        pass(21 days);
        assertEq(pool.unlockClaim(id), MIN);
    }

    function gasOfRelock(uint256 id) internal returns (uint256 spent) {
        mine(1);
        vm.prank(ownerOf("a"));
        spent = gasleft();
        pool.relock(id, METIS, false);
        spent -= gasleft();
    }
}
