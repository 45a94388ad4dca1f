// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";
import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";
import {Digests} from "../../src/lib/Digests.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @dev Keys and owners of a sequencer.
contract SignerKeysTest is PoolFixture {
    uint256 internal constant MIN = 20_000 * METIS;
    uint256 internal constant SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    function test_TheDomainIsThatOfAllSignaturesOfSequencers() public view {
        bytes32 domain = Digests.domainSeparator(1, L2_CHAIN_ID, address(pool));
        assertEq(pool.domainSeparator(), domain);
        assertEq(pool.signerProofDigest(stranger), Digests.signerProof(domain, stranger));
    }

    function test_OwnerAndSignerMayRotateTheKey() public {
        uint256 id = seat("a", MIN);
        address owner = ownerOf("a");
        Vm.Wallet memory second = keyOf("second");
        bytes memory proven = provenKey(second, owner);
        vm.expectEmit(address(pool));
        emit ILockingPool.SignerChange(
            id, keyOf("a").addr, second.addr, abi.encodePacked(second.publicKeyX, second.publicKeyY)
        );
        vm.expectEmit(address(pool));
        emit ILockingPool.SeatChanged(id, second.addr, uint64(MIN / 1 gwei), uint64(MIN / 1 gwei));
        vm.prank(owner);
        pool.updateSigner(id, proven);
        proven = provenKey(keyOf("third"), owner);
        vm.prank(second.addr);
        pool.updateSigner(id, proven);
        assertEq(get(id).signer, keyOf("third").addr);
        // a key that was rotated away can't rotate any more, nor come back
        address retired = second.addr;
        proven = provenKey(keyOf("fourth"), owner);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotOwnerOrSigner.selector, id, retired));
        vm.prank(retired);
        pool.updateSigner(id, proven);
        proven = provenKey(second, owner);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.SignerUsed.selector, retired, id));
        vm.prank(owner);
        pool.updateSigner(id, proven);
        assertEq(pool.signerSequencer(retired), id);
    }

    function test_AKeyOfAnotherSequencerIsRefused() public {
        seat("a", MIN);
        uint256 b = seat("b", MIN);
        bytes memory proven = provenKey(keyOf("a"), ownerOf("b"));
        address used = keyOf("a").addr;
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.SignerUsed.selector, used, 1));
        vm.prank(ownerOf("b"));
        pool.updateSigner(b, proven);
    }

    function test_ProofOfAnotherOwnerIsRefused() public {
        uint256 id = seat("a", MIN);
        refusesProof(id, provenKey(keyOf("new"), stranger));
        bytes memory good = provenKey(keyOf("new"), ownerOf("a"));
        vm.prank(ownerOf("a"));
        pool.updateSigner(id, good);
    }

    function test_ProofForAnotherChainIsRefused() public {
        uint256 id = seat("a", MIN);
        bytes32 elsewhere = Digests.domainSeparator(1, 1, address(pool));
        refusesProof(id, signed(keyOf("new"), Digests.signerProof(elsewhere, ownerOf("a"))));
    }

    function test_ProofByAnotherKeyIsRefused() public {
        uint256 id = seat("a", MIN);
        bytes memory proven = signed(keyOf("thief"), pool.signerProofDigest(ownerOf("a")));
        Vm.Wallet memory key = keyOf("new");
        for (uint256 i = 0; i < 32; ++i) {
            proven[i] = bytes32(key.publicKeyX)[i];
            proven[32 + i] = bytes32(key.publicKeyY)[i];
        }
        refusesProof(id, proven);
    }

    function test_ProofThatIsNoSignatureIsRefused() public {
        uint256 id = seat("a", MIN);
        bytes memory proven = provenKey(keyOf("new"), ownerOf("a"));
        proven[128] = bytes1(uint8(99));
        refusesProof(id, proven);
    }

    function test_ProofWithAHighSIsRefused() public {
        uint256 id = seat("a", MIN);
        Vm.Wallet memory key = keyOf("new");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, pool.signerProofDigest(ownerOf("a")));
        s = bytes32(SECP256K1_N - uint256(s));
        v = v == 27 ? 28 : 27;
        refusesProof(id, abi.encodePacked(key.publicKeyX, key.publicKeyY, r, s, v));
    }

    function signed(Vm.Wallet memory key, bytes32 digest) internal returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(key.publicKeyX, key.publicKeyY, r, s, v);
    }

    /// @dev The key "new" is not taken with this proof by the owner of "a".
    function refusesProof(uint256 id, bytes memory proven) internal {
        address signer = keyOf("new").addr;
        bytes32 digest = pool.signerProofDigest(ownerOf("a"));
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.BadSignerProof.selector, signer, digest));
        vm.prank(ownerOf("a"));
        pool.updateSigner(id, proven);
    }

    function test_ANewOwnerMustAccept() public {
        uint256 id = seat("a", MIN);
        address owner = ownerOf("a");
        address next = ownerOf("next");
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSequencerOwner.selector, id, stranger));
        vm.prank(stranger);
        pool.setSequencerOwner(id, stranger);
        vm.prank(owner);
        pool.setSequencerOwner(id, next);
        assertEq(get(id).owner, owner, "an invitation changes nothing");
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotInvitedOwner.selector, id, stranger, next));
        vm.prank(stranger);
        pool.acceptSequencerOwner(id);
        vm.prank(next);
        pool.acceptSequencerOwner(id);
        assertEq(get(id).owner, next);
        assertEq(pool.seqOwners(owner), 0);
        assertEq(pool.seqOwners(next), id);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotSequencerOwner.selector, id, owner));
        vm.prank(owner);
        pool.unlock(id);
    }

    function test_AnInvitationCanBeTakenBack() public {
        uint256 id = seat("a", MIN);
        vm.startPrank(ownerOf("a"));
        pool.setSequencerOwner(id, stranger);
        pool.setSequencerOwner(id, address(0));
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotInvitedOwner.selector, id, stranger, address(0)));
        vm.prank(stranger);
        pool.acceptSequencerOwner(id);
    }

    function test_WhoOwnsASequencerOrIsNotWhitelistedCantAccept() public {
        uint256 a = seat("a", MIN);
        uint256 b = seat("b", MIN);
        address ownerB = ownerOf("b");
        vm.prank(ownerOf("a"));
        pool.setSequencerOwner(a, ownerB);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.OwnsSequencer.selector, ownerB, b));
        vm.prank(ownerB);
        pool.acceptSequencerOwner(a);
        vm.prank(ownerOf("a"));
        pool.setSequencerOwner(a, stranger);
        vm.prank(governance);
        pool.setWhitelistRequired(true);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotWhitelisted.selector, stranger));
        vm.prank(stranger);
        pool.acceptSequencerOwner(a);
    }

    function test_AGoneSequencerKeepsItsKeysAndOwner() public {
        uint256 id = seat("a", MIN);
        address owner = ownerOf("a");
        vm.startPrank(owner);
        pool.setSequencerOwner(id, stranger);
        pool.unlock(id);
        pass(21 days);
        pool.unlockClaim(id);
        bytes memory reason =
            abi.encodeWithSelector(ILockingPool.WrongStatus.selector, id, ILockingPool.Status.Unlocked);
        vm.expectRevert(reason);
        pool.setSequencerOwner(id, stranger);
        bytes memory proven = provenKey(keyOf("new"), owner);
        vm.expectRevert(reason);
        pool.updateSigner(id, proven);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotInvitedOwner.selector, id, stranger, address(0)));
        vm.prank(stranger);
        pool.acceptSequencerOwner(id);
    }
}
