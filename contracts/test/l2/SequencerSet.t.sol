// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {SequencerSet} from "../../src/l2/SequencerSet.sol";
import {RotationStorage} from "../../src/l2/rotation/RotationStorage.sol";
import {Entry, EpochEntry} from "../../src/lib/EpochEntry.sol";
import {EpochRecord, EpochRecords, SequencerRecord} from "../../src/lib/EpochRecord.sol";
import {SequencerSetLayout} from "../../src/lib/SequencerSetLayout.sol";

/// @dev Drives the predeploy as system transactions do.
abstract contract SequencerSetFixture is Test {
    uint64 internal constant LENGTH = 64;

    SequencerSet internal set = new SequencerSet();
    address internal depositor = set.DEPOSITOR_ACCOUNT();

    /// @dev Seats of ids 1 to n, signer 0x1000 + id, power 100 * id, in this order.
    function seats(uint64 n) internal pure returns (RotationStorage.Seat[] memory order) {
        order = new RotationStorage.Seat[](n);
        for (uint64 i = 0; i < n; ++i) {
            order[i] = RotationStorage.Seat({id: i + 1, signer: signerOf(i + 1), power: 100 * (i + 1)});
        }
    }

    function signerOf(uint256 id) internal pure returns (address) {
        return address(uint160(0x1000 + id));
    }

    function open(uint64 epoch, uint64 stakeBlock, uint64 version, RotationStorage.Seat[] memory order) internal {
        vm.prank(depositor);
        set.openEpoch(epoch, LENGTH, stakeBlock, version, order);
    }

    function record(uint16 place, uint256[] memory precommits) internal {
        vm.prank(depositor);
        set.recordBlock(place, precommits);
    }

    /// @dev Records this block and goes to the next one.
    function step(uint16 place, uint256[] memory precommits) internal {
        record(place, precommits);
        vm.roll(vm.getBlockNumber() + 1);
    }

    function none() internal pure returns (uint256[] memory) {
        return new uint256[](0);
    }

    function one(uint256 places) internal pure returns (uint256[] memory precommits) {
        precommits = new uint256[](1);
        precommits[0] = places;
    }

    /// @dev Blocks by `place` with all of `places` on record, up to (not with) block `end`.
    function run(uint256 end, uint16 place, uint256 places) internal {
        while (vm.getBlockNumber() < end) {
            step(place, one(places));
        }
    }
}

/// @dev Rules S1 to S6 of docs/protocol/settlement.md, and the views of the earlier contract.
contract SequencerSetTest is SequencerSetFixture {
    uint256 internal constant ALL = 7; // three places

    event NewEpoch(uint256 indexed epochId, uint256 startBlock, uint256 endBlock, address signer);
    event ReCommitEpoch(
        uint256 indexed oldEpochId,
        uint256 indexed newEpochId,
        uint256 curEpochId,
        uint256 startBlock,
        uint256 endBlock,
        address newSigner
    );

    function setUp() public {
        vm.roll(1);
        open(0, 10, 1, seats(3));
        step(0, none());
    }

    // ---- who may ----

    function testFuzz_NobodyElseMayWrite(address anybody) public {
        vm.assume(anybody != depositor);
        vm.startPrank(anybody);
        vm.expectRevert(RotationStorage.NotDepositor.selector);
        set.recordBlock(0, none());
        vm.expectRevert(RotationStorage.NotDepositor.selector);
        set.openEpoch(1, LENGTH, 10, 1, seats(3));
        vm.stopPrank();
    }

    // ---- epochs ----

    function test_EpochsFollowEachOther() public {
        run(65, 0, ALL);
        vm.expectEmit(address(set));
        emit NewEpoch(1, 65, 128, signerOf(1));
        open(1, 20, 1, seats(2));
        step(0, one(ALL));
        (uint256 number, address signer, uint256 start, uint256 end) = set.epochs(1);
        assertEq(number, 1);
        assertEq(signer, signerOf(1));
        assertEq(start, 65);
        assertEq(end, 128);
        assertEq(set.currentEpochNumber(), 1);
        assertEq(set.currentEpoch().startBlock, 65);
        assertEq(set.finalizedEpoch().endBlock, 64);
        assertEq(set.entryOf(1).stakeBlock, 20);
        assertEq(set.orderOf(1).length, 2);
        assertEq(set.orderOf(0)[2].power, 300);
    }

    function test_EpochsThatDontFollowAreRefused() public {
        _refuseOpen(1, LENGTH, 10, 1, abi.encodeWithSelector(RotationStorage.WrongEpoch.selector, 1, 2)); // too early
        run(65, 0, ALL);
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.EpochNotOpen.selector, 65));
        record(0, one(ALL));
        _refuseOpen(2, LENGTH, 10, 1, abi.encodeWithSelector(RotationStorage.WrongEpoch.selector, 2, 65));
        _refuseOpen(1, LENGTH, 9, 1, abi.encodeWithSelector(RotationStorage.StakeBlockWentBack.selector, 9, 10));
        _refuseOpen(1, 63, 10, 1, abi.encodeWithSelector(RotationStorage.WrongLength.selector, 63));
        _refuseOpen(1, 86_401, 10, 1, abi.encodeWithSelector(RotationStorage.WrongLength.selector, 86_401));
        _refuseOpen(1, LENGTH, 10, 3, abi.encodeWithSelector(RotationStorage.WrongVersion.selector, 3));
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.WrongSeats.selector, 0, 0));
        open(1, 10, 1, seats(0));
        RotationStorage.Seat[] memory powerless = seats(1);
        powerless[0].power = 0;
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.WrongSeats.selector, 1, 0));
        open(1, 10, 1, powerless);
        open(1, 10, 1, seats(3));
    }

    function test_TheFirstEpochIsNumberZero() public {
        set = new SequencerSet();
        _refuseOpen(1, LENGTH, 10, 1, abi.encodeWithSelector(RotationStorage.WrongEpoch.selector, 1, 2));
        _refuseOpen(0, LENGTH, 10, 0, abi.encodeWithSelector(RotationStorage.WrongVersion.selector, 0));
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.EpochNotOpen.selector, 2));
        record(0, none());
        assertEq(set.getEpochByBlock(0), type(uint256).max);
        assertEq(set.getMetisSequencer(1), address(0));
        assertEq(set.currentEpoch().endBlock, 0);
    }

    function test_EveryBlockIsRecordedOnce() public {
        step(0, one(ALL));
        vm.roll(2);
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.WrongBlock.selector, 2, 2));
        record(0, one(ALL));
        vm.roll(4);
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.WrongBlock.selector, 4, 2));
        record(0, one(ALL));
    }

    function test_BlocksBelongToTheirEpochs() public {
        _epochs(5);
        assertEq(set.getEpochByBlock(0), type(uint256).max);
        assertEq(set.getEpochByBlock(1), 0);
        assertEq(set.getEpochByBlock(64), 0);
        assertEq(set.getEpochByBlock(65), 1);
        assertEq(set.getEpochByBlock(5 * LENGTH), 4);
        assertEq(set.getEpochByBlock(5 * LENGTH + 1), type(uint256).max);
    }

    function test_Fault_NoScanGrowsWithHistory() public {
        _epochs(3);
        uint256 before = gasleft();
        set.getEpochByBlock(70);
        uint256 early = before - gasleft();
        for (uint64 e = 3; e < 64; ++e) {
            open(e, 10, 1, seats(3));
            run((e + 1) * LENGTH + 1, 0, ALL);
        }
        before = gasleft();
        assertEq(set.getEpochByBlock(70), 1);
        assertLt(before - gasleft(), 8 * early); // 21 times the epochs
    }

    // ---- builders and reselections ----

    function test_AReselectionIsRecordedWhereItHappens() public {
        run(20, 0, ALL);
        vm.expectEmit(address(set));
        emit ReCommitEpoch(0, 0, 0, 20, 64, signerOf(3));
        step(2, one(ALL));
        run(30, 2, ALL);
        assertEq(set.getMetisSequencer(1), signerOf(1));
        assertEq(set.getMetisSequencer(19), signerOf(1));
        assertEq(set.getMetisSequencer(20), signerOf(3));
        assertEq(set.getMetisSequencer(64), signerOf(3), "who would build it");
        assertEq(set.getMetisSequencer(65), address(0));
        assertEq(set.currentEpoch().signer, signerOf(3));
        (uint256 changes, uint256 fromBlock, address signer) = set.reselection(1);
        assertEq(changes, 2);
        assertEq(fromBlock, 20);
        assertEq(signer, signerOf(3));
        (changes, fromBlock,) = set.reselection(2);
        assertEq(changes + fromBlock, 2);
    }

    /// @dev The earlier contract took a reselection in one exact block only.
    function testFuzz_Fault_AReselectionNeedsNoExactBlock(uint8 height, uint16 place) public {
        height = uint8(bound(height, 2, 64));
        place = uint16(bound(place, 1, 2));
        run(height, 0, ALL);
        step(place, one(ALL));
        assertEq(set.getMetisSequencer(height), signerOf(uint256(place) + 1));
        assertEq(set.getMetisSequencer(height - 1), signerOf(1));
    }

    function test_MissedTurnsAreThoseUpToTheBuilder() public {
        step(2, one(ALL)); // 0 and 1 missed
        step(1, one(ALL)); // 2 and 0 missed
        EpochRecord memory now_ = set.recordOf(0);
        assertEq(now_.sequencers[0].turnsMissed, 2);
        assertEq(now_.sequencers[1].turnsMissed, 1);
        assertEq(now_.sequencers[2].turnsMissed, 1);
    }

    function test_AMissedTurnCostsTheRestOfTheEpochsBlockPayAndNothingElse() public {
        run(10, 0, ALL);
        uint64 before = set.recordOf(0).sequencers[0].blockPay;
        assertEq(before, 90_000);
        step(1, one(ALL));
        step(0, one(ALL)); // 1 and 2 missed
        run(20, 0, ALL);
        SequencerRecord[] memory done = set.recordOf(0).sequencers;
        assertEq(done[0].blockPay, before);
        assertEq(done[0].blocksBuilt, 18);
        assertEq(done[1].blockPay, 10_000);
        run(65, 0, ALL);
        open(1, 10, 1, seats(3));
        step(0, one(ALL));
        assertEq(set.recordOf(1).sequencers[0].blockPay, 10_000);
    }

    function test_APlaceOutsideOfTheOrderIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.NoSuchPlace.selector, 3, 3));
        record(3, one(ALL));
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.NoSuchPlace.selector, 3, 3));
        record(0, one(8));
    }

    // ---- precommits ----

    function test_PayIsScaledByThePowerRecorded() public {
        step(0, one(4)); // id 3 has 300 of 600
        assertEq(set.recordOf(0).sequencers[0].blockPay, 10_000 + 5_000);
        step(0, none());
        assertEq(set.recordOf(0).sequencers[0].blockPay, 15_000);
    }

    function test_LatePrecommitsCountOnceAndPayNothing() public {
        step(0, one(1));
        uint256[] memory late = new uint256[](2);
        (late[0], late[1]) = (ALL, 7); // block 1 again: place 0 is known
        step(0, late);
        EpochRecord memory now_ = set.recordOf(0);
        assertEq(now_.sequencers[0].votesRecorded, 2);
        assertEq(now_.sequencers[1].votesRecorded, 2);
        assertEq(now_.sequencers[0].blockPay, 10_000 + 1_666 + 10_000);
        assertEq(set.precommitsOf(1), 7);
        assertEq(set.precommitsOf(2), 7);
        assertEq(set.precommitsOf(3), 0);
    }

    function test_PrecommitsAreTakenForEightHeights() public {
        run(9, 0, 0);
        uint256[] memory eight = new uint256[](8);
        eight[7] = 2; // of block 1
        step(0, eight);
        assertEq(set.recordOf(0).sequencers[1].votesRecorded, 1);
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.TooManyHeights.selector, 9, 8));
        record(0, new uint256[](9));
    }

    function test_NoHeightBelowTheFirstIsTaken() public {
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.TooManyHeights.selector, 2, 1));
        record(0, new uint256[](2));
    }

    function test_TheRecordClosesWithTheEighthBlockOfTheNextEpoch() public {
        run(65, 0, 3);
        open(1, 10, 1, seats(1)); // other places: bit 0 is another set's
        run(72, 0, 1);
        assertEq(set.recordHash(0), 0);
        uint256[] memory last = new uint256[](8);
        (last[0], last[7]) = (1, 4); // place 2 of epoch 0, in its last block
        EpochRecord memory expected = set.recordOf(0);
        ++expected.sequencers[2].votesRecorded;
        step(0, last);
        assertEq(set.recordHash(0), EpochRecords.hash(0, expected));
        assertEq(set.recordOf(0).sequencers[2].votesRecorded, 1);
        assertEq(set.recordOf(1).sequencers[0].votesRecorded, 7);
    }

    function test_BooksAreKeptUntilTheSecondNextEpoch() public {
        _epochs(2);
        set.recordOf(0);
        open(2, 10, 1, seats(3));
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.BookReplaced.selector, 0));
        set.recordOf(0);
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.BookReplaced.selector, 0));
        set.orderOf(0);
        assertEq(set.recordOf(2).sequencers[0].blocksBuilt, 0);
        assertEq(set.recordOf(2).sequencers[0].votesRecorded, 0);
    }

    // ---- restarts ----

    function test_ARestartCutsTheEpochAndClosesItsRecord() public {
        run(65, 0, ALL);
        open(1, 10, 1, seats(3));
        run(68, 0, ALL); // before the record of epoch 0 closed
        EpochRecord memory cut = set.recordOf(1);
        cut.end = 67;
        bytes32 first = EpochRecords.hash(0, set.recordOf(0));
        open(2, 30, 2, seats(2));
        assertEq(set.recordHash(0), first);
        assertEq(set.recordHash(1), EpochRecords.hash(1, cut));
        assertEq(set.entryOf(1).end, 67);
        assertEq(set.entryOf(2).version, 2);
        vm.expectRevert(abi.encodeWithSelector(RotationStorage.TooManyHeights.selector, 1, 0));
        record(0, one(3));
        step(0, none());
        assertEq(set.recordOf(2).sequencers[0].blockPay, 10_000, "nothing was to be recorded");
        run(80, 0, 3);
        assertEq(set.recordHash(1), EpochRecords.hash(1, cut), "closed for good");
    }

    // ---- participation ----

    function test_WhoIsNeverNamedByOthersGoesBehind() public {
        run(32, 0, 3); // places 0 and 1 vote, place 2 is silent
        run(65, 1, 3);
        assertTrue(set.hasParticipated(1));
        assertTrue(set.hasParticipated(2));
        assertFalse(set.hasParticipated(3));
        assertFalse(set.hasParticipated(99), "nor has one that was no validator");
    }

    function test_OnesOwnRecordOfOneselfProvesNothing() public {
        run(16, 0, 3);
        run(32, 1, 3);
        step(2, one(7)); // 3 names itself
        run(40, 2, 7);
        assertFalse(set.hasParticipated(3), "two others built, and none named it");
        step(1, one(7));
        assertTrue(set.hasParticipated(3));
    }

    function test_WithoutTwoOtherBuildersAllHaveParticipated() public {
        run(65, 0, 1);
        assertTrue(set.hasParticipated(3));
        assertTrue(set.hasParticipated(1), "itself was the only builder");
    }

    function test_RecordsForTheEpochBeforeCountToo() public {
        run(32, 0, 3);
        run(65, 1, 3);
        open(1, 10, 1, seats(2)); // 3 is no validator of epoch 1
        assertFalse(set.hasParticipated(3));
        step(0, one(4)); // names place 2 of epoch 0
        assertTrue(set.hasParticipated(3));
    }

    // ---- layout ----

    function test_WhatL1ProvesLiesWhereTheLayoutSays() public {
        _epochs(3);
        for (uint256 e = 0; e < 3; ++e) {
            uint256 word = uint256(vm.load(address(set), SequencerSetLayout.entrySlot(e)));
            assertEq(abi.encode(EpochEntry.unpack(word)), abi.encode(set.entryOf(e)));
            assertEq(vm.load(address(set), SequencerSetLayout.recordSlot(e)), set.recordHash(e));
        }
        assertNotEq(set.recordHash(1), 0);
    }

    function testFuzz_EntriesArePackedInOneWord(uint64 start, uint64 end, uint64 stakeBlock, uint64 version)
        public
        pure
    {
        uint256 word = uint256(start) | (uint256(end) << 64) | (uint256(stakeBlock) << 128) | (uint256(version) << 192);
        Entry memory entry = EpochEntry.unpack(word);
        assertEq(entry.start, start);
        assertEq(entry.end, end);
        assertEq(entry.stakeBlock, stakeBlock);
        assertEq(entry.version, version);
    }

    // ---- parts ----

    /// @dev `n` whole epochs; the next block is the first of epoch n.
    function _epochs(uint64 n) private {
        run(65, 0, ALL);
        for (uint64 e = 1; e < n; ++e) {
            open(e, 10, 1, seats(3));
            run((e + 1) * LENGTH + 1, 0, ALL);
        }
    }

    function _refuseOpen(uint64 epoch, uint64 length, uint64 stakeBlock, uint64 version, bytes memory error_) private {
        vm.expectRevert(error_);
        vm.prank(depositor);
        set.openEpoch(epoch, length, stakeBlock, version, seats(3));
    }
}

/// @dev Random blocks; what the predeploy counts equals a plain count of the same blocks.
contract SequencerSetModelTest is SequencerSetFixture {
    uint64 private constant EPOCHS = 3;

    uint64 private size;
    uint256 private dice;
    mapping(uint256 height => uint256) private recorded;
    mapping(uint256 epoch => mapping(uint256 place => SequencerRecord)) private counted;
    mapping(uint256 epoch => mapping(uint256 place => bool)) private built;
    mapping(uint256 epoch => mapping(uint256 id => bool)) private named; // in blocks of the epoch, by others

    /// forge-config: default.fuzz.runs = 12
    function testFuzz_CountsWhatHappened(uint256 seed, uint64 n) public {
        size = uint64(bound(n, 1, 11));
        dice = seed;
        vm.roll(1);
        uint16 pen = 0;
        for (uint64 height = 1; height <= EPOCHS * LENGTH + 8; ++height) {
            uint64 epoch = (height - 1) / LENGTH;
            if ((height - 1) % LENGTH == 0) {
                _compareParticipation(epoch);
                open(epoch, 10 + epoch, 1, _order(epoch));
                pen = 0;
            }
            pen = _block(height, epoch, pen);
            if (epoch != 0 && (height - 1) % LENGTH == 7) {
                assertEq(set.recordHash(epoch - 1), EpochRecords.hash(epoch - 1, _expected(epoch - 1)));
            }
        }
    }

    function _block(uint64 height, uint64 epoch, uint16 pen) private returns (uint16 place) {
        place = pen;
        for (uint256 steps = _roll(10) == 0 ? _roll(size) : 0; steps != 0; --steps) {
            ++counted[epoch][place].turnsMissed;
            place = uint16((place + 1) % size);
        }
        uint256[] memory precommits = new uint256[](_roll(1 + (height - 1 < 8 ? height - 1 : 8)));
        uint256 pay = height == 1 ? 10_000 : 0;
        for (uint256 k = 0; k < precommits.length; ++k) {
            precommits[k] = _roll(1 << size);
            uint256 share = _count(height - 1 - k, epoch, place, precommits[k]);
            if (k == 0) pay = share;
        }
        SequencerRecord storage builder = counted[epoch][place];
        ++builder.blocksBuilt;
        if (builder.turnsMissed == 0) builder.blockPay += uint64(pay);
        built[epoch][place] = true;
        step(place, precommits);
    }

    function _count(uint256 height, uint64 epoch, uint16 builder, uint256 places) private returns (uint256 share) {
        uint64 past = uint64((height - 1) / LENGTH);
        uint256 fresh = places & ~recorded[height];
        recorded[height] |= places;
        uint256 total = 0;
        uint256 power = 0;
        for (uint64 i = 0; i < size; ++i) {
            total += _power(past, i);
            if ((fresh >> i) & 1 == 0) continue;
            power += _power(past, i);
            ++counted[past][i].votesRecorded;
            if (_id(past, i) != _id(epoch, builder)) named[epoch][_id(past, i)] = true;
        }
        return power * 10_000 / total;
    }

    /// @dev At the last block of the epoch before `epoch`.
    function _compareParticipation(uint64 epoch) private view {
        if (epoch == 0) return;
        uint64 earliest = epoch < 2 ? 0 : epoch - 2;
        for (uint64 id = 1; id <= size + EPOCHS; ++id) {
            bool expected = false;
            uint256 others = 0;
            for (uint64 other = 1; other <= size + EPOCHS; ++other) {
                if (other != id && _hasBuilt(other, earliest, epoch)) ++others;
            }
            for (uint64 e = earliest; e < epoch; ++e) {
                if (named[e][id]) expected = true;
            }
            assertEq(set.hasParticipated(id), expected || others < 2);
        }
    }

    function _hasBuilt(uint64 id, uint64 from, uint64 to) private view returns (bool) {
        for (uint64 e = from; e < to; ++e) {
            for (uint64 i = 0; i < size; ++i) {
                if (_id(e, i) == id && built[e][i]) return true;
            }
        }
        return false;
    }

    function _expected(uint64 epoch) private view returns (EpochRecord memory expected) {
        expected.start = epoch * LENGTH + 1;
        expected.end = (epoch + 1) * LENGTH;
        expected.stakeBlock = 10 + epoch;
        expected.sequencers = new SequencerRecord[](size);
        for (uint64 i = 0; i < size; ++i) {
            expected.sequencers[i] = counted[epoch][i];
            expected.sequencers[i].id = _id(epoch, i);
        }
    }

    function _order(uint64 epoch) private view returns (RotationStorage.Seat[] memory order) {
        order = new RotationStorage.Seat[](size);
        for (uint64 i = 0; i < size; ++i) {
            uint64 id = _id(epoch, i);
            order[i] = RotationStorage.Seat({id: id, signer: signerOf(id), power: uint64(_power(epoch, i))});
        }
    }

    /// @dev Another order in each epoch, one sequencer leaves and one joins.
    function _id(uint64 epoch, uint64 place) private view returns (uint64) {
        return 1 + epoch + (place * (epoch % 2 == 0 ? 1 : size - 1)) % size;
    }

    function _power(uint64 epoch, uint64 place) private view returns (uint256) {
        return 1_000 + uint256(_id(epoch, place)) * 37;
    }

    function _roll(uint256 sides) private returns (uint256) {
        dice = uint256(keccak256(abi.encode(dice)));
        return dice % sides;
    }
}
