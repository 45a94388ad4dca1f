// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {SequencerInbox} from "../../src/l1/SequencerInbox.sol";
import {ISequencerInbox} from "../../src/l1/interfaces/ISequencerInbox.sol";
import {BatchData} from "../../src/lib/BatchData.sol";
import {L2Header} from "../../src/lib/L2Header.sol";
import {Quorum} from "../../src/lib/Quorum.sol";
import {RollupFixture} from "./RollupFixture.sol";
import {TestHeaders} from "./TestHeaders.sol";

/// @dev Submits for somebody, as a contract.
contract Forwarder {
    function forward(address to, bytes calldata call) external {
        (bool success, bytes memory output) = to.call(call);
        if (success) return;
        assembly {
            revert(add(output, 32), mload(output))
        }
    }
}

/// @dev Rules Q1 to Q5 and Q7 of docs/protocol/settlement.md.
/// forge-config: default.fuzz.runs = 64
contract SequencerInboxTest is RollupFixture {
    event BatchAccepted(
        uint256 indexed index,
        uint64 indexed first,
        uint64 indexed last,
        bytes32 lastBlockHash,
        bytes32 stateRoot,
        bytes32 dataHash,
        uint64 epoch,
        uint64 stakeBlock,
        address submitter
    );

    function setUp() public override {
        super.setUp();
        seatSequencers(equalStakes(6));
    }

    // ---- what is accepted ----

    function test_AcceptsABatchThatMoreThanTwoThirdsSigned() public {
        Draft memory made = draft(10, idsUpTo(5));
        bytes32 dataHash = keccak256(abi.encodePacked(bytes1(0), made.data));
        vm.expectEmit(address(inbox));
        emit BatchAccepted(
            0, 1, 10, keccak256(made.header), keccak256("state"), dataHash, 7, STAKE_BLOCK, submitter
        );
        submit(made);
        ISequencerInbox.Batch memory stored = inbox.batch(0);
        assertEq(stored.blockHash, keccak256(made.header));
        assertEq(stored.stateRoot, keccak256("state"));
        assertEq(stored.last, 10);
        assertEq(stored.epoch, 7);
        assertEq(stored.stakeBlock, STAKE_BLOCK);
        assertEq(stored.acceptedAt, vm.getBlockTimestamp());
        assertEq(inbox.lastBlock(), 10);
    }

    function test_AcceptsBlobsInOrder() public {
        Draft memory made = draft(10, idsUpTo(5));
        made.data = "";
        bytes32[] memory blobs = _blobs(3);
        bytes32 dataHash = keccak256(abi.encodePacked(bytes1(0x01), blobs));
        made.signatures = signatures(made, digestOf(made, 1, dataHash));
        vm.blobhashes(blobs);
        submit(made);
        assertEq(inbox.lastBlock(), 10);
    }

    function test_RefusesBlobsInAnotherOrder() public {
        Draft memory made = draft(10, idsUpTo(5));
        made.data = "";
        bytes32[] memory blobs = _blobs(3);
        made.signatures = signatures(made, digestOf(made, 1, keccak256(abi.encodePacked(bytes1(0x01), blobs))));
        (blobs[0], blobs[1]) = (blobs[1], blobs[0]);
        vm.blobhashes(blobs);
        vm.expectPartialRevert(Quorum.WrongSigner.selector);
        submit(made);
    }

    function test_BatchesMayEndInAnyLaterEpoch() public {
        submit(draft(10, idsUpTo(5)));
        Draft memory late = draft(9_000_000, idsUpTo(6));
        submit(late);
        assertEq(inbox.batchOf(10), 0);
        assertEq(inbox.batchOf(11), 1);
        assertEq(inbox.batchOf(9_000_000), 1);
    }

    function test_BatchOfAnUnpostedBlockIsRefused() public {
        submit(draft(10, idsUpTo(5)));
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.NoSuchBatch.selector, 1));
        inbox.batchOf(11);
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.NoSuchBatch.selector, 0));
        inbox.batchOf(0);
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.NoSuchBatch.selector, 1));
        inbox.batch(1);
    }

    /// forge-config: default.fuzz.runs = 32
    function testFuzz_BatchOfFindsTheBatch(uint8[8] memory sizes, uint64 number) public {
        uint64 last = 0;
        for (uint256 i = 0; i < sizes.length; ++i) {
            last += uint64(sizes[i]) + 1;
            submit(draft(last, idsUpTo(5)));
        }
        number = uint64(bound(number, 1, last));
        uint256 index = inbox.batchOf(number);
        assertGe(inbox.batch(index).last, number);
        if (index != 0) assertLt(inbox.batch(index - 1).last, number);
    }

    // ---- quorum ----

    function test_ExactlyTwoThirdsIsNoQuorum() public {
        Draft memory made = draft(10, idsUpTo(4));
        refuse(made, abi.encodeWithSelector(Quorum.NoQuorum.selector, 80_000e9, 120_000e9));
        made.ids = idsUpTo(5);
        sign(made);
        submit(made);
    }

    function test_NoSignersAreNoQuorum() public {
        refuse(draft(10, new uint256[](0)), abi.encodeWithSelector(Quorum.NoQuorum.selector, 0, 120_000e9));
    }

    function testFuzz_QuorumIsMoreThanTwoThirdsOfThePower(uint8 signers) public {
        uint256 mask = signers % 64;
        uint256[] memory ids = _ids(mask);
        Draft memory made = draft(10, ids);
        if (3 * ids.length > 2 * 6) {
            submit(made);
            assertEq(inbox.batchCount(), 1);
        } else {
            refuse(made, abi.encodeWithSelector(Quorum.NoQuorum.selector, ids.length * 20_000e9, 120_000e9));
        }
    }

    function test_RepeatedIdsAreRefused() public {
        uint256[] memory ids = idsUpTo(6);
        ids[5] = 5;
        refuse(draft(10, ids), abi.encodeWithSelector(Quorum.IdsNotRising.selector, 5, 5));
    }

    function test_UnorderedIdsAreRefused() public {
        uint256[] memory ids = idsUpTo(5);
        (ids[3], ids[4]) = (ids[4], ids[3]);
        refuse(draft(10, ids), abi.encodeWithSelector(Quorum.IdsNotRising.selector, 4, 5));
    }

    function test_IdZeroIsRefused() public {
        uint256[] memory ids = idsUpTo(5);
        ids[0] = 0;
        refuse(draft(10, ids), abi.encodeWithSelector(Quorum.IdsNotRising.selector, 0, 0));
    }

    function test_UnknownIdsAreRefused() public {
        uint256[] memory ids = idsUpTo(5);
        ids[4] = 77;
        refuse(draft(10, ids), abi.encodeWithSelector(Quorum.NoPower.selector, 77, STAKE_BLOCK));
    }

    function test_MissingAndLeftOverSignaturesAreRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        made.signatures = bytes.concat(made.signatures, hex"00");
        refuse(made, abi.encodeWithSelector(Quorum.SignaturesLength.selector, 326, 325));
        made.signatures = "";
        refuse(made, abi.encodeWithSelector(Quorum.SignaturesLength.selector, 0, 325));
    }

    function test_HighSIsRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(signerKey(1), digestOf(made, 1));
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes32 high = bytes32(order - uint256(s));
        bytes memory malleable = abi.encodePacked(r, high, v == 27 ? uint8(28) : uint8(27));
        for (uint256 i = 0; i < 65; ++i) {
            made.signatures[i] = malleable[i];
        }
        refuse(made, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, high));
    }

    function testFuzz_AnyFlippedByteOfASignatureIsRefused(uint256 place, uint8 flip) public {
        Draft memory made = draft(10, idsUpTo(5));
        place = bound(place, 0, made.signatures.length - 1);
        flip = uint8(bound(flip, 1, 255));
        made.signatures[place] = bytes1(uint8(made.signatures[place]) ^ flip);
        vm.expectRevert();
        submit(made);
        assertEq(inbox.batchCount(), 0);
    }

    // ---- the set of another block ----

    function test_KeysAreThoseOfTheStakeBlock() public {
        _rotate(1, 0xFEED);
        mine(20);
        submit(draft(10, idsUpTo(5))); // with the key of STAKE_BLOCK, though retired since
        Draft memory made = draft(20, idsUpTo(5));
        made.header = header(20, uint64(vm.getBlockNumber() - 1));
        sign(made);
        address retired = vm.addr(signerKey(1));
        refuse(made, abi.encodeWithSelector(Quorum.WrongSigner.selector, 1, retired, vm.addr(0xFEED)));
    }

    function test_Fault_ANewLockHasNoInstantWeight() public {
        uint256 newcomer = lock("newcomer", 100_000 * METIS);
        uint256[] memory ids = idsUpTo(5);
        ids[4] = newcomer;
        Draft memory made = draft(10, ids);
        made.header = header(10, uint64(vm.getBlockNumber() - 1));
        sign(made);
        refuse(made, abi.encodeWithSelector(Quorum.NoPower.selector, newcomer, vm.getBlockNumber() - 1));
    }

    function test_PowerIsThatOfTheStakeBlock() public {
        vm.prank(sequencerOwner(6));
        pool.unlock(6);
        mine(20);
        uint64 after_ = uint64(vm.getBlockNumber() - 1);
        Draft memory made = draft(10, idsUpTo(4)); // 4 of 6 then: no quorum; 4 of 5 now: one
        refuse(made, abi.encodeWithSelector(Quorum.NoQuorum.selector, 80_000e9, 120_000e9));
        made.header = header(10, after_);
        sign(made);
        submit(made);
        made = draft(20, _ids(32 + 15));
        made.header = header(20, after_);
        sign(made);
        refuse(made, abi.encodeWithSelector(Quorum.NoPower.selector, 6, after_));
    }

    function test_StakeBlocksNeverGoBack() public {
        Draft memory made = draft(10, idsUpTo(5));
        made.header = header(10, STAKE_BLOCK + 5);
        sign(made);
        submit(made);
        refuse(
            draft(20, idsUpTo(5)),
            abi.encodeWithSelector(ISequencerInbox.StakeBlockWentBack.selector, STAKE_BLOCK, STAKE_BLOCK + 5)
        );
    }

    function test_StakeBlocksOfTheFutureAreRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        made.header = header(10, uint64(vm.getBlockNumber()));
        sign(made);
        uint256 now_ = vm.getBlockNumber();
        refuse(made, abi.encodeWithSelector(ISequencerInbox.StakeBlockInFuture.selector, now_, now_));
    }

    function test_StakeBlocksOlderThanTheExitDelayAreRefused() public {
        pass(32 hours);
        inbox.recordTime();
        uint64 known = uint64(vm.getBlockNumber());
        uint256 time = vm.getBlockTimestamp();
        mine(1);
        submit(draft(10, idsUpTo(5)));
        pass(21 days - 2 * BLOCK_TIME);
        Draft memory made = draft(20, idsUpTo(5));
        made.header = header(20, known);
        sign(made);
        submit(made);
        mine(1);
        made = draft(30, idsUpTo(5));
        made.header = header(30, known);
        sign(made);
        refuse(made, abi.encodeWithSelector(ISequencerInbox.StakeBlockTooOld.selector, known, time));
    }

    function test_AfterALongSilenceARecordedTimeLetsTheChainGoOn() public {
        pass(32 hours);
        submit(draft(10, idsUpTo(5))); // records the time
        uint256 time = vm.getBlockTimestamp();
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.TimeKnown.selector, time + 21 days / 16));
        inbox.recordTime();
        pass(30 days);
        uint64 fresh = uint64(vm.getBlockNumber() - 10);
        Draft memory made = draft(20, idsUpTo(5));
        made.header = header(20, fresh);
        sign(made);
        refuse(made, abi.encodeWithSelector(ISequencerInbox.StakeBlockTooOld.selector, fresh, time));
        vm.prank(stranger);
        inbox.recordTime();
        made.header = header(20, uint64(vm.getBlockNumber()));
        sign(made);
        mine(1);
        submit(made);
    }

    /// forge-config: default.fuzz.runs = 32
    function testFuzz_TheProvenTimeIsNeverAfterTheBlocks(uint16[6] memory gaps, uint256 asked) public {
        uint256 start = vm.getBlockNumber();
        uint256 time = vm.getBlockTimestamp();
        uint256 latest = inbox.provenTime(start);
        for (uint64 i = 0; i < gaps.length; ++i) {
            mine(uint256(gaps[i]) + 1);
            Draft memory made = draft(10 * (i + 1), idsUpTo(5));
            made.header = header(made.last, uint64(vm.getBlockNumber() - 1));
            sign(made);
            if (vm.getBlockTimestamp() >= latest + 21 days / 16) {
                inbox.recordTime();
                latest = vm.getBlockTimestamp();
            }
            submit(made);
        }
        asked = bound(asked, start, vm.getBlockNumber());
        uint256 proven = inbox.provenTime(asked);
        assertGt(proven, 0);
        assertLe(proven, time + (asked - start) * BLOCK_TIME);
    }

    // ---- over other data ----

    function testFuzz_OtherDataIsRefused(bytes memory other) public {
        Draft memory made = draft(10, idsUpTo(5));
        vm.assume(keccak256(other) != keccak256(made.data) && other.length != 0);
        made.data = other;
        vm.expectPartialRevert(Quorum.WrongSigner.selector);
        submit(made);
    }

    function test_Fault_JunkDataUnderATrueCertificateIsRefused() public {
        Draft memory made = draft(10, idsUpTo(6));
        made.data = "";
        bytes32[] memory blobs = _blobs(2);
        made.signatures = signatures(made, digestOf(made, 1, keccak256(abi.encodePacked(bytes1(0x01), blobs))));
        made.data = abi.encodePacked(blobs); // names the blobs, posts none
        vm.expectPartialRevert(Quorum.WrongSigner.selector);
        submit(made);
        made.data = abi.encodePacked(bytes1(0x01), blobs);
        vm.expectPartialRevert(Quorum.WrongSigner.selector);
        submit(made);
    }

    function test_BatchesWithoutDataAreRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        made.data = "";
        refuse(made, abi.encodeWithSelector(BatchData.NoData.selector));
    }

    function test_BlobsBesideCalldataAreRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        vm.blobhashes(_blobs(1));
        refuse(made, abi.encodeWithSelector(BatchData.MixedData.selector));
    }

    function test_CalldataBehindAContractIsRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        bytes memory call = abi.encodeCall(
            inbox.submitBatch, (made.first, made.last, made.header, made.data, made.ids, made.signatures)
        );
        Forwarder forwarder = new Forwarder();
        vm.expectRevert(
            abi.encodeWithSelector(ISequencerInbox.DataBehindContract.selector, address(forwarder))
        );
        vm.prank(submitter, submitter);
        forwarder.forward(address(inbox), call);
    }

    function test_CalldataOfADelegatedAccountIsRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        vm.etch(submitter, hex"ef01000000000000000000000000000000000000000001");
        refuse(made, abi.encodeWithSelector(ISequencerInbox.DataBehindContract.selector, submitter));
    }

    function test_BlobsMayComeThroughAContract() public {
        Draft memory made = draft(10, idsUpTo(5));
        made.data = "";
        bytes32[] memory blobs = _blobs(1);
        made.signatures = signatures(made, digestOf(made, 1, keccak256(abi.encodePacked(bytes1(0x01), blobs))));
        vm.blobhashes(blobs);
        Forwarder forwarder = new Forwarder();
        forwarder.forward(
            address(inbox),
            abi.encodeCall(
                inbox.submitBatch, (made.first, made.last, made.header, made.data, made.ids, made.signatures)
            )
        );
        assertEq(inbox.batchCount(), 1);
    }

    function test_ABatchOfAnotherVersionOrRangeIsRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        made.signatures = signatures(made, digestOf(made, 2));
        vm.expectPartialRevert(Quorum.WrongSigner.selector);
        submit(made);
        sign(made);
        made.header = header(10, STAKE_BLOCK + 1);
        vm.expectPartialRevert(Quorum.WrongSigner.selector);
        submit(made);
    }

    // ---- contiguity and headers ----

    function testFuzz_GapsAndOverlapsAreRefused(uint64 first) public {
        submit(draft(10, idsUpTo(5)));
        vm.assume(first != 11);
        Draft memory made = draft(20, idsUpTo(5));
        made.first = first;
        sign(made);
        refuse(made, abi.encodeWithSelector(ISequencerInbox.NotContiguous.selector, first, 11));
    }

    function test_EmptyBatchesAreRefused() public {
        refuse(draft(0, idsUpTo(5)), abi.encodeWithSelector(ISequencerInbox.EmptyBatch.selector, 1, 0));
    }

    function test_HeadersOfOtherBlocksAreRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        made.header = header(9, STAKE_BLOCK);
        sign(made);
        refuse(made, abi.encodeWithSelector(ISequencerInbox.HeaderOfAnotherBlock.selector, 9, 10));
    }

    function test_HeadersOfAnotherLayoutAreRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        TestHeaders.Content memory content =
            TestHeaders.Content({number: 10, epoch: 7, stakeBlock: STAKE_BLOCK, stateRoot: keccak256("state")});
        made.header = TestHeaders.encode(content, TestHeaders.extraData(2, 7, STAKE_BLOCK));
        sign(made);
        refuse(made, abi.encodeWithSelector(L2Header.HeaderExtraData.selector));
    }

    // ---- who may ----

    function test_Fault_NoAccountMayPostWhatNobodySigned() public {
        Draft memory made = draft(10, new uint256[](0));
        bytes memory error_ = abi.encodeWithSelector(Quorum.NoQuorum.selector, 0, 120_000e9);
        address[3] memory accounts = [governance, sequencerOwner(1), vm.addr(signerKey(1))];
        for (uint256 i = 0; i < accounts.length; ++i) {
            vm.expectRevert(error_);
            vm.prank(accounts[i], accounts[i]);
            inbox.submitBatch(made.first, made.last, made.header, made.data, made.ids, made.signatures);
        }
    }

    function testFuzz_AnybodyMayCarryWhatIsSigned(address anybody) public {
        vm.assume(anybody.code.length == 0 && anybody != address(0));
        Draft memory made = draft(10, idsUpTo(5));
        vm.prank(anybody, anybody);
        inbox.submitBatch(made.first, made.last, made.header, made.data, made.ids, made.signatures);
        assertEq(inbox.lastBlock(), 10);
    }

    function test_Fault_NoScanGrowsWithHistory() public {
        uint256 early = _gasOfBatches(1, 4);
        _gasOfBatches(5, 200);
        uint256 late = _gasOfBatches(201, 204);
        assertApproxEqRel(late, early, 0.02e18);
    }

    // ---- restart ----

    function test_GovernanceRestartsAfterTheRecoveryDelay() public {
        submit(draft(10, idsUpTo(5)));
        pass(3 days);
        uint64 stakeBlock = uint64(vm.getBlockNumber() - 1);
        bytes32 parent = keccak256("block 14");
        vm.prank(governance);
        inbox.restart(15, parent, stakeBlock);
        assertEq(inbox.domainVersion(), 2);
        assertEq(inbox.lastRestart().parentHash, parent);
        assertEq(inbox.lastRestart().height, 15);
        Draft memory made = draft(14, idsUpTo(5));
        made.header = header(14, stakeBlock);
        sign(made);
        refuse(made, abi.encodeWithSelector(ISequencerInbox.EndsBeforeRestart.selector, 14, 15));
        made = draft(15, idsUpTo(5));
        refuse(
            made, abi.encodeWithSelector(ISequencerInbox.StakeBlockWentBack.selector, STAKE_BLOCK, stakeBlock)
        );
        made.header = header(15, stakeBlock);
        made.signatures = signatures(made, digestOf(made, 1));
        vm.expectPartialRevert(Quorum.WrongSigner.selector);
        submit(made);
        sign(made);
        submit(made);
        assertEq(inbox.lastBlock(), 15);
    }

    function test_RestartsThatMayNotBeAreRefused() public {
        Draft memory made = draft(10, idsUpTo(5));
        submit(made);
        uint64 stakeBlock = uint64(vm.getBlockNumber() - 1);
        vm.expectRevert(
            abi.encodeWithSelector(OwnableUpgradeable.OwnableUnauthorizedAccount.selector, address(this))
        );
        inbox.restart(11, keccak256(made.header), stakeBlock);

        vm.startPrank(governance);
        uint256 earliest = vm.getBlockTimestamp() + 3 days;
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.TooEarlyToRestart.selector, earliest));
        inbox.restart(11, keccak256(made.header), stakeBlock);
        pass(3 days);
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.RestartBelowBatches.selector, 10, 10));
        inbox.restart(10, keccak256(made.header), stakeBlock);
        vm.expectRevert(
            abi.encodeWithSelector(ISequencerInbox.WrongParent.selector, bytes32("x"), keccak256(made.header))
        );
        inbox.restart(11, "x", stakeBlock);
        vm.expectRevert(
            abi.encodeWithSelector(ISequencerInbox.StakeBlockWentBack.selector, STAKE_BLOCK - 1, STAKE_BLOCK)
        );
        inbox.restart(11, keccak256(made.header), STAKE_BLOCK - 1);
        inbox.restart(11, keccak256(made.header), stakeBlock);
        vm.stopPrank();
    }

    function test_ARestartNeedsStakeThatCanSign() public {
        for (uint256 id = 1; id <= 6; ++id) {
            vm.prank(sequencerOwner(id));
            pool.unlock(id);
        }
        pass(3 days);
        uint64 stakeBlock = uint64(vm.getBlockNumber() - 1);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.NoPowerAt.selector, stakeBlock));
        inbox.restart(1, "genesis", stakeBlock);
    }

    // ---- governance ----

    function test_OnlyTheOwnerUpgradesAndNobodyRenounces() public {
        address next = address(new SequencerInbox());
        vm.expectRevert(
            abi.encodeWithSelector(OwnableUpgradeable.OwnableUnauthorizedAccount.selector, address(this))
        );
        inbox.upgradeToAndCall(next, "");
        submit(draft(10, idsUpTo(5)));
        vm.startPrank(governance);
        inbox.upgradeToAndCall(next, "");
        vm.expectRevert(ISequencerInbox.OwnerIsNeeded.selector);
        inbox.renounceOwnership();
        vm.stopPrank();
        assertEq(inbox.lastBlock(), 10);
        vm.expectRevert(bytes4(keccak256("InvalidInitialization()")));
        inbox.initialize(address(this), pool);
    }

    // ---- parts ----

    /// @dev Gas of the last one.
    function _gasOfBatches(uint64 from, uint64 to) private returns (uint256) {
        for (uint64 i = from; i <= to; ++i) {
            submit(draft(i, idsUpTo(5)));
        }
        return vm.lastCallGas().gasTotalUsed;
    }

    function _rotate(uint256 id, uint256 key) private {
        bytes memory proven = provenKey(vm.createWallet(key), sequencerOwner(id));
        vm.prank(sequencerOwner(id));
        pool.updateSigner(id, proven);
    }

    function _ids(uint256 mask) private pure returns (uint256[] memory ids) {
        uint256 size = 0;
        for (uint256 i = 0; i < 8; ++i) {
            size += (mask >> i) & 1;
        }
        ids = new uint256[](size);
        uint256 next = 0;
        for (uint256 i = 0; i < 8; ++i) {
            if ((mask >> i) & 1 == 1) ids[next++] = i + 1;
        }
    }

    function _blobs(uint256 n) private pure returns (bytes32[] memory blobs) {
        blobs = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            blobs[i] = bytes32((uint256(1) << 248) | i);
        }
    }
}
