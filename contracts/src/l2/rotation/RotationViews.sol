// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Entry} from "../../lib/EpochEntry.sol";
import {EpochRecord} from "../../lib/EpochRecord.sol";
import {RotationStorage} from "./RotationStorage.sol";

/// @title RotationViews
/// @notice What anybody may ask `SequencerSet`.
abstract contract RotationViews is RotationStorage {
    using Checkpoints for Checkpoints.Trace160;

    // ---- views of the earlier contract ----

    /// @notice An epoch by number; zeros if it has not begun.
    function epochs(uint256 epoch)
        external
        view
        returns (uint256 number, address signer, uint256 startBlock, uint256 endBlock)
    {
        Epoch memory found = _epoch(epoch);
        return (found.number, found.signer, found.startBlock, found.endBlock);
    }

    /// @notice The epoch of the last block.
    function currentEpoch() external view returns (Epoch memory) {
        return _epoch(_head.epoch);
    }

    /// @notice Number of the epoch of the last block.
    function currentEpochNumber() external view returns (uint256) {
        return _head.epoch;
    }

    /// @notice The last epoch that is over; zeros while there is none.
    function finalizedEpoch() external view returns (Epoch memory epoch) {
        uint256 current = _head.epoch;
        if (current != 0) epoch = _epoch(current - 1);
    }

    /// @notice Number of the epoch of a block; the greatest uint256 if no epoch has it.
    function getEpochByBlock(uint256 number) public view returns (uint256) {
        uint256 high = _head.epoch;
        if (!_head.open || number < _entries[0].start || number > _entries[high].end) return type(uint256).max;
        uint256 low = 0;
        while (low < high) {
            uint256 middle = (low + high + 1) / 2;
            if (_entries[middle].start <= number) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    /// @notice Signer that built a block, or that would build one of the current epoch as things stand;
    /// zero if no epoch has the block.
    function getMetisSequencer(uint256 number) external view returns (address) {
        if (getEpochByBlock(number) == type(uint256).max) return address(0);
        return address(_builders.upperLookupRecent(uint96(number)));
    }

    // ---- further views ----

    /// @notice Where an epoch lies and what stake decides in it; zeros if it has not begun.
    function entryOf(uint256 epoch) external view returns (Entry memory) {
        return _entries[epoch];
    }

    /// @notice Hash of the closed record of an epoch; zero while it is open.
    function recordHash(uint256 epoch) external view returns (bytes32) {
        return _records[epoch];
    }

    /// @notice What the sequencers of an epoch did up to now; kept until the second next epoch begins.
    function recordOf(uint256 epoch) external view returns (EpochRecord memory) {
        Book storage book = _books[epoch & 1];
        if (book.epoch != epoch || book.size == 0) revert BookReplaced(epoch);
        return _record(book);
    }

    /// @notice The order of an epoch, elected first; kept until the second next epoch begins.
    function orderOf(uint256 epoch) external view returns (Seat[] memory order) {
        Book storage book = _books[epoch & 1];
        if (book.epoch != epoch || book.size == 0) revert BookReplaced(epoch);
        order = new Seat[](book.size);
        for (uint256 i = 0; i < order.length; ++i) {
            Member memory member = book.members[i];
            order[i] = Seat({id: member.id, signer: member.signer, power: uint64(book.powers[i / 4] >> (64 * (i % 4)))});
        }
    }

    /// @notice How often the builder changed, and at which block to whom, oldest first.
    function reselection(uint256 index) external view returns (uint256 changes, uint256 fromBlock, address signer) {
        changes = _builders.length();
        if (index >= changes) return (changes, 0, address(0));
        Checkpoints.Checkpoint160 memory change = _builders.pos(uint32(index));
        return (changes, change._key, address(change._value));
    }

    /// @notice Places whose precommits for a height are recorded; of the last LATE_HEIGHTS heights only.
    function precommitsOf(uint256 height) external view returns (uint256) {
        Head memory head = _head;
        bool kept = height < head.height && height + LATE_HEIGHTS >= head.height && height >= head.floor;
        return kept ? _precommits[height % LATE_HEIGHTS] : 0;
    }

    /// @notice Whether a sequencer may be elected for the next epoch, as the last two epochs show it: it
    /// goes behind all others if at least two others built blocks there, and no record in a block of
    /// another names it. Read at the last block of an epoch.
    function hasParticipated(uint256 id) external view returns (bool) {
        uint256 current = _head.epoch;
        uint256 earliest = current == 0 ? 0 : current - 1;
        if (_namedLate[id] > earliest) return true;
        uint256 first = 0; // id of another builder
        bool two = false;
        for (uint256 epoch = earliest; epoch <= current; ++epoch) {
            Book storage book = _books[epoch & 1];
            uint256 size = book.size;
            for (uint256 i = 0; i < size; ++i) {
                uint256 member = book.members[i].id;
                if (member == id && (book.named >> i) & 1 == 1) return true;
                if (member == id || (book.built >> i) & 1 == 0) continue;
                if (first == 0) first = member;
                else if (first != member) two = true;
            }
        }
        return !two;
    }

    function _epoch(uint256 number) private view returns (Epoch memory epoch) {
        Entry memory entry = _entries[number];
        if (entry.version == 0) return epoch;
        epoch.number = number;
        epoch.startBlock = entry.start;
        epoch.endBlock = entry.end;
        epoch.signer = address(_builders.upperLookupRecent(entry.end));
    }
}
