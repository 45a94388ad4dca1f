// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {Slasher} from "../../src/l1/Slasher.sol";
import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";
import {BatchProof, ISequencerInbox} from "../../src/l1/interfaces/ISequencerInbox.sol";
import {ISlasher} from "../../src/l1/interfaces/ISlasher.sol";
import {Digests} from "../../src/lib/Digests.sol";
import {RollupFixture} from "./RollupFixture.sol";

/// @dev Rules E1 to E6 of docs/protocol/settlement.md, with epochs proven from the real engine's state.
/// Epoch 0 is blocks 1 to 64, epoch 1 is 65 to 128; batches end at 64 and 80.
contract SlasherTest is RollupFixture {
    uint8 internal constant PROPOSAL = 0;
    uint8 internal constant PREVOTE = 1;
    uint8 internal constant PRECOMMIT = 2;

    string internal chain;

    event EquivocationPunished(
        uint256 indexed sequencerId,
        address indexed reporter,
        address signer,
        uint8 kind,
        uint64 height,
        uint32 round,
        uint256 slashed,
        uint256 rewarded,
        bool tombstoned
    );

    function setUp() public override {
        super.setUp();
        chain = loadChain(4);
        seatSequencers(stakesOf(chain));
        submit(chainDraft(chain, 0));
        submit(chainDraft(chain, 1));
    }

    // ---- what is punished ----

    function test_TwoPrecommitsOfOneTurnAreSlashedAndJailed() public {
        uint256 stake = pool.sequencers(2).amount; // 22,000 METIS, 5 % of it slashed
        uint256 supply = token.totalSupply();
        vm.expectEmit(address(court));
        emit EquivocationPunished(
            2, reporter, vm.addr(signerKey(2)), PRECOMMIT, 30, 1, 1_100 * METIS, 55 * METIS, false
        );
        _report(2, PRECOMMIT, 30, 1);
        ILockingPool.Sequencer memory after_ = pool.sequencers(2);
        assertEq(after_.amount, stake - 1_100 * METIS);
        assertEq(token.balanceOf(reporter), 55 * METIS);
        assertEq(token.totalSupply(), supply - 1_045 * METIS, "the rest is burnt");
        assertTrue(after_.jailed);
        assertFalse(after_.tombstoned);
        assertEq(after_.power, 0);
        assertEq(court.offencesOf(2).count, 1);
        assertEq(court.offencesOf(2).lastPunishedAt, vm.getBlockNumber());
        assertBooksBalance();
    }

    function test_PrevotesAndProposalsAreEvidenceToo() public {
        _report(1, PREVOTE, 1, 0);
        _report(3, PROPOSAL, 64, 7);
        assertTrue(pool.sequencers(1).jailed);
        assertTrue(pool.sequencers(3).jailed);
    }

    function test_AVoteForNilBesideOneForABlockIsEvidence() public {
        ISlasher.Message memory a = _message(PREVOTE, 5, 0, "block");
        ISlasher.Message memory b = _message(PREVOTE, 5, 0, 0);
        _reportAs(1, a, b, 0, _entryProof(0));
        assertTrue(pool.sequencers(1).jailed);
    }

    function test_TheEpochMayBeProvenAgainstAnyLaterBatch() public {
        BatchProof memory early = readProof(chain, ".earlyEntryProof", 0);
        _reportAs(1, _message(PREVOTE, 64, 0, "a"), _message(PREVOTE, 64, 0, "b"), 0, early);
        _reportAs(2, _message(PREVOTE, 80, 0, "a"), _message(PREVOTE, 80, 0, "b"), 1, _entryProof(1));
        assertTrue(pool.sequencers(1).jailed && pool.sequencers(2).jailed);
    }

    function testFuzz_EveryTurnOfAProvenEpochIsPunished(uint64 height, uint32 round, uint8 kind, uint8 id) public {
        height = uint64(bound(height, 1, 80));
        _report(bound(id, 1, 4), uint8(bound(kind, 0, 2)), height, round);
        assertTrue(pool.sequencers(bound(id, 1, 4)).jailed);
    }

    function test_StakeIsSlashedWhileItUnbonds() public {
        vm.prank(sequencerOwner(1));
        pool.unlock(1); // all 21,000
        _report(1, PRECOMMIT, 9, 0);
        assertEq(pool.sequencers(1).unbonding, 19_950 * METIS);
        pass(21 days);
        vm.prank(sequencerOwner(1));
        assertEq(pool.unlockClaim(1), 19_950 * METIS);
    }

    function test_SettlementIsNotInvolved() public {
        assertEq(settler.nextEpoch(), 0);
        _report(1, PRECOMMIT, 70, 0);
        assertTrue(pool.sequencers(1).jailed);
    }

    function test_GovernanceRaisingTheFractionChangesNoPastEpoch() public {
        setParameter(ParameterKeys.SLASH_FRACTION, 10_000);
        mine(1);
        _report(2, PRECOMMIT, 30, 1);
        assertEq(pool.sequencers(2).amount, 20_900 * METIS);
    }

    function test_TheSecondOffenceIsTheLast() public {
        vm.roll(STAKE_BLOCK + 5);
        _report(2, PRECOMMIT, 30, 0);
        vm.warp(vm.getBlockTimestamp() + 7 days);
        vm.prank(sequencerOwner(2));
        pool.unjail(2);
        vm.roll(STAKE_BLOCK + 8); // time went on, blocks of the chain's second stake block are still ahead
        pool.activate(2, 0);
        vm.roll(HEAD);
        uint256 left = pool.sequencers(2).amount;
        _report(2, PREVOTE, 70, 0);
        assertTrue(pool.sequencers(2).tombstoned);
        assertEq(pool.sequencers(2).amount, left - left * 500 / 10_000);
        assertEq(court.offencesOf(2).count, 2);
    }

    // ---- E1: a conflict of one turn ----

    function test_OneMessageIsNoEvidence() public {
        ISlasher.Message memory a = _message(PRECOMMIT, 5, 0, "a");
        _refuse(1, a, a, abi.encodeWithSelector(ISlasher.SameBlock.selector, a.blockHash));
    }

    function test_ProposalsOfOneBlockWithOtherValidRoundsAreNoEvidence() public {
        ISlasher.Message memory a = _message(PROPOSAL, 5, 3, "a");
        ISlasher.Message memory b = _message(PROPOSAL, 5, 3, "a");
        b.validRound = 1;
        _refuse(1, a, b, abi.encodeWithSelector(ISlasher.SameBlock.selector, a.blockHash));
    }

    function test_MessagesOfDifferentTurnsAreNoEvidence() public {
        ISlasher.Message memory a = _message(PRECOMMIT, 5, 0, "a");
        bytes memory error_ = abi.encodeWithSelector(ISlasher.DifferentTurns.selector);
        _refuse(1, a, _message(PREVOTE, 5, 0, "b"), error_);
        _refuse(1, a, _message(PRECOMMIT, 6, 0, "b"), error_);
        _refuse(1, a, _message(PRECOMMIT, 5, 1, "b"), error_);
    }

    function test_OtherKindsAreNoEvidence() public {
        ISlasher.Message memory a = _message(3, 5, 0, "a");
        _refuse(1, a, _message(3, 5, 0, "b"), abi.encodeWithSelector(ISlasher.UnknownKind.selector, 3));
    }

    // ---- E2: the height was ----

    function test_Fault_EvidenceForAHeightThatNeverWasIsRefused() public {
        ISlasher.Message memory a = _message(PRECOMMIT, 81, 0, "a"); // epoch 1 has it, L1 doesn't
        ISlasher.Message memory b = _message(PRECOMMIT, 81, 0, "b");
        _refuseProof(a, b, 1, _entryProof(1), abi.encodeWithSelector(ISlasher.HeightNotOnL1.selector, 81, 80));
        a.height = b.height = 65; // on L1, but this batch ends before
        BatchProof memory early = readProof(chain, ".earlyEntryProof", 0);
        _refuseProof(a, b, 0, early, abi.encodeWithSelector(ISlasher.HeightNotOnL1.selector, 65, 64));
        a.height = b.height = 0;
        _refuseProof(
            a, b, 0, _entryProof(0), abi.encodeWithSelector(ISlasher.HeightNotInEpoch.selector, 0, 1, 64)
        );
    }

    function test_HeightsOfAnotherEpochAreRefused() public {
        ISlasher.Message memory a = _message(PRECOMMIT, 65, 0, "a");
        ISlasher.Message memory b = _message(PRECOMMIT, 65, 0, "b");
        _refuseProof(
            a, b, 0, _entryProof(0), abi.encodeWithSelector(ISlasher.HeightNotInEpoch.selector, 65, 1, 64)
        );
    }

    function test_AnEpochThatNeverBeganIsNotProven() public {
        ISlasher.Message memory a = _message(PRECOMMIT, 5, 0, "a");
        ISlasher.Message memory b = _message(PRECOMMIT, 5, 0, "b");
        bytes memory signatureA = _sign(signerKey(1), a);
        bytes memory signatureB = _sign(signerKey(1), b);
        BatchProof memory proof = _entryProof(0);
        vm.expectRevert(RLP.RLPInvalidEncoding.selector); // the path leads to an empty place
        court.reportEquivocation(a, signatureA, b, signatureB, 2, proof);
    }

    function test_ProofsAgainstUnknownBatchesAreRefused() public {
        BatchProof memory proof = _entryProof(0);
        proof.batch = 2;
        ISlasher.Message memory a = _message(PRECOMMIT, 5, 0, "a");
        ISlasher.Message memory b = _message(PRECOMMIT, 5, 0, "b");
        _refuseProof(a, b, 0, proof, abi.encodeWithSelector(ISequencerInbox.NoSuchBatch.selector, 2));
    }

    function testFuzz_AProofWithAFlippedByteIsRefused(uint256 node, uint256 place, uint8 flip, bool account) public {
        BatchProof memory proof = _entryProof(0);
        bytes[] memory nodes = account ? proof.accountProof : proof.storageProof;
        bytes memory encoded = nodes[bound(node, 0, nodes.length - 1)];
        place = bound(place, 0, encoded.length - 1);
        encoded[place] = bytes1(uint8(encoded[place]) ^ uint8(bound(flip, 1, 255)));
        vm.expectRevert();
        _reportAs(1, _message(PRECOMMIT, 5, 0, "a"), _message(PRECOMMIT, 5, 0, "b"), 0, proof);
        assertFalse(pool.sequencers(1).jailed);
    }

    // ---- E3, E4: the key ----

    function test_MessagesOfTwoSequencersAreNoEvidence() public {
        ISlasher.Message memory a = _message(PRECOMMIT, 5, 0, "a");
        ISlasher.Message memory b = _message(PRECOMMIT, 5, 0, "b");
        bytes memory signed = _sign(signerKey(1), a);
        bytes memory other = _sign(signerKey(2), b);
        BatchProof memory proof = _entryProof(0);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISlasher.DifferentSigners.selector, vm.addr(signerKey(1)), vm.addr(signerKey(2))
            )
        );
        court.reportEquivocation(a, signed, b, other, 0, proof);
    }

    function test_VotesFromBeforeAndAfterARestartAreNoEvidence() public {
        ISlasher.Message memory a = _message(PRECOMMIT, 5, 0, "a");
        ISlasher.Message memory b = _message(PRECOMMIT, 5, 0, "b");
        bytes memory signed = _sign(signerKey(1), a);
        bytes memory later = _sign(signerKey(1), b, 2);
        BatchProof memory proof = _entryProof(0);
        vm.expectPartialRevert(ISlasher.DifferentSigners.selector);
        court.reportEquivocation(a, signed, b, later, 0, proof);
        bytes memory both = _sign(signerKey(1), a, 2); // a pair of another version than the epoch's
        vm.expectPartialRevert(ISlasher.DifferentSigners.selector);
        court.reportEquivocation(a, both, b, later, 0, proof);
    }

    function test_KeysThatAreNobodysAreRefused() public {
        _refuseKey(0xBAD, abi.encodeWithSelector(ISlasher.UnknownSigner.selector, vm.addr(0xBAD)));
    }

    function test_Fault_ARetiredKeyBurnsNoInnocentOwner() public {
        vm.roll(STAKE_BLOCK - 10); // before the set of the epoch was fixed
        _rotate(1, 0xFEED);
        vm.roll(HEAD);
        _refuseKey(
            signerKey(1),
            abi.encodeWithSelector(ISlasher.NotItsKeyThen.selector, 1, vm.addr(signerKey(1)), vm.addr(0xFEED))
        );
        assertFalse(pool.sequencers(1).jailed);
    }

    function test_Fault_AKeyThatCameLaterBurnsNoInnocentOwner() public {
        _rotate(1, 0xFEED);
        _refuseKey(
            0xFEED,
            abi.encodeWithSelector(ISlasher.NotItsKeyThen.selector, 1, vm.addr(0xFEED), vm.addr(signerKey(1)))
        );
    }

    function test_Fault_ALeakedKeyCostsOneFractionHoweverOftenItSigns() public {
        uint256 stake = pool.sequencers(1).amount;
        _report(1, PRECOMMIT, 10, 0);
        uint256 left = pool.sequencers(1).amount;
        assertEq(left, stake - stake * 500 / 10_000);
        uint256 punishedAt = vm.getBlockNumber();
        for (uint64 height = 20; height <= 80; height += 20) {
            bytes memory error_ = abi.encodeWithSelector(
                ISlasher.AlreadyPunished.selector, 1, punishedAt, height <= 64 ? STAKE_BLOCK : STAKE_BLOCK + 10
            );
            uint64 epoch = height <= 64 ? 0 : 1;
            ISlasher.Message memory a = _message(PREVOTE, height, 0, "a");
            _refuseProof(a, _message(PREVOTE, height, 0, "b"), epoch, _entryProof(epoch), error_);
            mine(1);
        }
        assertEq(pool.sequencers(1).amount, left);
        assertFalse(pool.sequencers(1).tombstoned);
    }

    function test_WhoWasNoValidatorThenIsNotPunished() public {
        uint256 pending = lock("pending", 20_000 * METIS);
        uint256 key = keyOf("pending").privateKey;
        _refuseKey(key, abi.encodeWithSelector(ISlasher.NotItsKeyThen.selector, pending, vm.addr(key), address(0)));
    }

    function test_MalformedSignaturesAreRefused() public {
        ISlasher.Message memory a = _message(PRECOMMIT, 5, 0, "a");
        BatchProof memory proof = _entryProof(0);
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 3));
        court.reportEquivocation(a, "abc", _message(PRECOMMIT, 5, 0, "b"), "abc", 0, proof);
    }

    // ---- E5: in time ----

    function test_EvidenceOlderThanTheExitDelayIsRefused() public {
        uint256 proven = inbox.provenTime(STAKE_BLOCK);
        pass(21 days);
        ISlasher.Message memory a = _message(PRECOMMIT, 5, 0, "a");
        ISlasher.Message memory b = _message(PRECOMMIT, 5, 0, "b");
        _refuse(1, a, b, abi.encodeWithSelector(ISlasher.EvidenceTooOld.selector, STAKE_BLOCK, proven));
    }

    // ---- who may ----

    function test_OnlyTheOwnerUpgradesAndNobodyRenounces() public {
        address next = address(new Slasher());
        vm.expectRevert(
            abi.encodeWithSelector(OwnableUpgradeable.OwnableUnauthorizedAccount.selector, address(this))
        );
        court.upgradeToAndCall(next, "");
        vm.startPrank(governance);
        court.upgradeToAndCall(next, "");
        vm.expectRevert(ISlasher.OwnerIsNeeded.selector);
        court.renounceOwnership();
        vm.stopPrank();
        vm.expectRevert(bytes4(keccak256("InvalidInitialization()")));
        court.initialize(address(this), pool, inbox);
    }

    // ---- parts ----

    function _message(uint8 kind, uint64 height, uint32 round, bytes32 hash)
        private
        pure
        returns (ISlasher.Message memory)
    {
        int32 validRound = kind == PROPOSAL ? int32(-1) : int32(0);
        return
            ISlasher.Message({kind: kind, height: height, round: round, validRound: validRound, blockHash: hash});
    }

    function _sign(uint256 key, ISlasher.Message memory message) private view returns (bytes memory) {
        return _sign(key, message, 1);
    }

    function _sign(uint256 key, ISlasher.Message memory message, uint256 version)
        private
        view
        returns (bytes memory)
    {
        bytes32 domain = Digests.domainSeparator(version, L2_CHAIN_ID, address(pool));
        bytes32 digest = message.kind == PROPOSAL
            ? Digests.proposal(domain, message.height, message.round, message.validRound, message.blockHash)
            : Digests.vote(domain, message.kind, message.height, message.round, message.blockHash);
        return signature(key, digest);
    }

    function _entryProof(uint256 epoch) private view returns (BatchProof memory) {
        return readProof(chain, string.concat(".entryProofs[", vm.toString(epoch), "]"), 1);
    }

    function _report(uint256 id, uint8 kind, uint64 height, uint32 round) private {
        uint64 epoch = height <= 64 ? 0 : 1;
        _reportAs(
            id, _message(kind, height, round, "a"), _message(kind, height, round, "b"), epoch, _entryProof(epoch)
        );
    }

    function _reportAs(
        uint256 id,
        ISlasher.Message memory a,
        ISlasher.Message memory b,
        uint64 epoch,
        BatchProof memory proof
    ) private {
        bytes memory signatureA = _sign(signerKey(id), a);
        bytes memory signatureB = _sign(signerKey(id), b);
        vm.prank(reporter);
        court.reportEquivocation(a, signatureA, b, signatureB, epoch, proof);
    }

    function _refuse(uint256 id, ISlasher.Message memory a, ISlasher.Message memory b, bytes memory error_) private {
        bytes memory signatureA = _sign(signerKey(id), a);
        bytes memory signatureB = _sign(signerKey(id), b);
        BatchProof memory proof = _entryProof(0);
        vm.expectRevert(error_);
        court.reportEquivocation(a, signatureA, b, signatureB, 0, proof);
    }

    function _refuseProof(
        ISlasher.Message memory a,
        ISlasher.Message memory b,
        uint64 epoch,
        BatchProof memory proof,
        bytes memory error_
    ) private {
        bytes memory signatureA = _sign(signerKey(1), a);
        bytes memory signatureB = _sign(signerKey(1), b);
        vm.expectRevert(error_);
        court.reportEquivocation(a, signatureA, b, signatureB, epoch, proof);
    }

    function _refuseKey(uint256 key, bytes memory error_) private {
        ISlasher.Message memory a = _message(PRECOMMIT, 5, 0, "a");
        ISlasher.Message memory b = _message(PRECOMMIT, 5, 0, "b");
        bytes memory signatureA = _sign(key, a);
        bytes memory signatureB = _sign(key, b);
        BatchProof memory proof = _entryProof(0);
        vm.expectRevert(error_);
        court.reportEquivocation(a, signatureA, b, signatureB, 0, proof);
    }

    function _rotate(uint256 id, uint256 key) private {
        bytes memory proven = provenKey(vm.createWallet(key), sequencerOwner(id));
        vm.prank(sequencerOwner(id));
        pool.updateSigner(id, proven);
    }
}
