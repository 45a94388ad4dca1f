// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Entry} from "../../lib/EpochEntry.sol";
import {EpochRecord, SequencerRecord} from "../../lib/EpochRecord.sol";

/// @title RotationStorage
/// @notice What `SequencerSet` remembers, and the words that it speaks.
/// @dev The first two mappings are proven on L1 (`SequencerSetLayout`): nothing may come before them.
abstract contract RotationStorage {
    /// @notice A place in the order of an epoch.
    struct Seat {
        uint64 id; // of LockingPool
        address signer;
        uint64 power;
    }

    /// @notice An epoch as the earlier contract shows it; `signer` holds the pen at its end, or now.
    struct Epoch {
        uint256 number;
        address signer;
        uint256 startBlock;
        uint256 endBlock;
    }

    struct Member {
        uint64 id;
        address signer;
    }

    struct Tally {
        uint64 id;
        uint32 blocksBuilt;
        uint32 turnsMissed;
        uint64 blockPay;
    }

    struct Book {
        uint64 epoch;
        uint64 totalPower;
        uint16 size;
        bool closed;
        uint256 built; // places that built a block
        uint256 named; // places that a record in another's block names, for heights of the epoch
        mapping(uint256 place => Member) members;
        mapping(uint256 place => Tally) tallies;
        mapping(uint256 quarter => uint256) powers; // four places per word
        mapping(uint256 eighth => uint256) votes; // eight places per word
    }

    struct Head {
        uint64 epoch;
        uint64 height; // last block recorded
        uint64 floor; // no record names a height below: first block of this version of the chain
        uint16 builder; // place of who built it
        bool open; // an epoch was opened
    }

    /// @notice The only account that may write: sender of system transactions, nobody holds its key.
    address public constant DEPOSITOR_ACCOUNT = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;
    /// @notice Precommits of the last so many heights are still recorded.
    uint256 public constant LATE_HEIGHTS = 8;
    /// @notice Fewest blocks of an epoch; above LATE_HEIGHTS, so that at most two epochs are open.
    uint256 public constant MIN_LENGTH = 64;
    /// @notice Most blocks of an epoch: a day of seconds.
    uint256 public constant MAX_LENGTH = 86_400;
    /// @notice Most places of an epoch: bits of a word.
    uint256 public constant MAX_SEATS = 256;
    /// @notice `blockPay` of a block that recorded the votes of all power.
    uint256 public constant FULL_PAY = 10_000;

    mapping(uint256 epoch => Entry) internal _entries; // slot 0: proven on L1
    mapping(uint256 epoch => bytes32) internal _records; // slot 1: proven on L1
    Head internal _head;
    Book[2] internal _books;
    uint256[LATE_HEIGHTS] internal _precommits; // by height mod LATE_HEIGHTS: places that are recorded
    mapping(uint256 id => uint256) internal _namedLate; // 1 + last epoch in which another named it for the epoch before
    Checkpoints.Trace160 internal _builders; // block -> signer, at every change of builder

    /// @notice An epoch begins; `signer` is its elected.
    event NewEpoch(uint256 indexed epochId, uint256 startBlock, uint256 endBlock, address signer);
    /// @notice Another than the holder of the pen built block `startBlock`, and holds it now. The three
    /// numbers are all that of the current epoch.
    event ReCommitEpoch(
        uint256 indexed oldEpochId,
        uint256 indexed newEpochId,
        uint256 curEpochId,
        uint256 startBlock,
        uint256 endBlock,
        address newSigner
    );
    /// @notice The record of an epoch is complete, and its hash stored.
    event EpochClosed(uint256 indexed epoch, bytes32 recordHash, EpochRecord record);

    /// @notice Somebody else than the depositor account called.
    error NotDepositor();
    /// @notice Not the next epoch at the block where the last one ends.
    error WrongEpoch(uint256 epoch, uint256 blockNumber);
    /// @notice The length lies outside of MIN_LENGTH and MAX_LENGTH.
    error WrongLength(uint256 length);
    /// @notice The version is neither the current one nor the one after it.
    error WrongVersion(uint256 version);
    /// @notice The stake block of an epoch lies before that of the last one.
    error StakeBlockWentBack(uint256 stakeBlock, uint256 last);
    /// @notice An epoch has no seats, more than MAX_SEATS, or no power.
    error WrongSeats(uint256 seats, uint256 totalPower);
    /// @notice This block was recorded already, or the one before was not.
    error WrongBlock(uint256 blockNumber, uint256 lastRecorded);
    /// @notice The epoch is over and the next one was not opened.
    error EpochNotOpen(uint256 blockNumber);
    /// @notice The order of the epoch has no such place.
    error NoSuchPlace(uint256 place, uint256 size);
    /// @notice More heights are recorded than may be.
    error TooManyHeights(uint256 heights, uint256 most);
    /// @notice What an epoch counted is kept no more; the event `EpochClosed` has it.
    error BookReplaced(uint256 epoch);

    function _record(Book storage book) internal view returns (EpochRecord memory record) {
        Entry memory entry = _entries[book.epoch];
        uint256 size = book.size;
        record.start = entry.start;
        record.end = entry.end;
        record.stakeBlock = entry.stakeBlock;
        record.sequencers = new SequencerRecord[](size);
        uint256 counts = 0;
        for (uint256 i = 0; i < size; ++i) {
            if (i % 8 == 0) counts = book.votes[i / 8];
            Tally memory tally = book.tallies[i];
            record.sequencers[i] = SequencerRecord({
                id: tally.id,
                blocksBuilt: tally.blocksBuilt,
                turnsMissed: tally.turnsMissed,
                votesRecorded: uint32(counts >> (32 * (i % 8))),
                blockPay: tally.blockPay
            });
        }
    }
}
