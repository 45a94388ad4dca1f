// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Entry} from "../lib/EpochEntry.sol";
import {EpochRecord, EpochRecords} from "../lib/EpochRecord.sol";
import {RotationViews} from "./rotation/RotationViews.sol";

/// @title SequencerSet
/// @notice Who sequences this chain: epochs, who built which block, every reselection, and what each
/// sequencer did in an epoch, for L1 to pay and to judge by.
/// @dev Predeploy at 0x4200000000000000000000000000000000000100. Written by system transactions at the
/// top of every block and by nothing else: `openEpoch` in the first block of an epoch, then
/// `recordBlock` in every block. Whether what they say is right, every validator checks before it votes.
///
/// Storage: `SequencerSetLayout` has the two mappings that L1 proves, at slots 0 and 1. What an epoch
/// counts lives in one of two books, by the parity of its number, until the second next epoch takes
/// the place; after that, in the closed record alone (event `EpochClosed`, hash in slot 1).
///
/// Compatible with the earlier `MetisSequencerSet` in `epochs`, `currentEpoch`, `currentEpochNumber`,
/// `getEpochByBlock`, `getMetisSequencer`, `finalizedEpoch`, and the events `NewEpoch`, `ReCommitEpoch`.
/// One difference in meaning: a reselection keeps the number of its epoch.
contract SequencerSet is RotationViews {
    using Checkpoints for Checkpoints.Trace160;

    modifier onlyDepositor() {
        if (msg.sender != DEPOSITOR_ACCOUNT) revert NotDepositor();
        _;
    }

    // ---- system transactions ----

    /// @notice Open the epoch that begins with this block.
    /// @param epoch 0, then one more each time
    /// @param length blocks
    /// @param stakeBlock L1 block that fixed set and parameters
    /// @param version of the signing domain; one more than before is a restart of the chain, which cuts
    /// the epoch before it and closes its record
    /// @param order all validators of the epoch, the elected first
    function openEpoch(uint64 epoch, uint64 length, uint64 stakeBlock, uint64 version, Seat[] calldata order)
        external
        onlyDepositor
    {
        if (length < MIN_LENGTH || length > MAX_LENGTH) revert WrongLength(length);
        Head memory head = _head;
        if (!head.open) _checkFirst(epoch, version);
        else _finishEpoch(head, epoch, stakeBlock, version);
        uint64 start = uint64(block.number);
        if (!head.open || version != _entries[head.epoch].version) head.floor = start;
        _entries[epoch] = Entry({start: start, end: start + length - 1, stakeBlock: stakeBlock, version: version});
        head.open = true;
        head.epoch = epoch;
        head.height = start - 1;
        _head = head;
        _fillBook(_books[epoch & 1], epoch, order);
        emit NewEpoch(epoch, start, start + length - 1, order[0].signer);
    }

    /// @notice Record this block: who built it, and whose precommits its builder holds.
    /// @param place of the builder in the order of the epoch
    /// @param precommits bit i of element k: place i, in the order of that height's epoch, precommitted
    /// the block k + 1 below this one. What is recorded already may be repeated.
    function recordBlock(uint16 place, uint256[] calldata precommits) external onlyDepositor {
        Head memory head = _head;
        Entry memory entry = _entries[head.epoch];
        if (!head.open || block.number > entry.end) revert EpochNotOpen(block.number);
        if (block.number != uint256(head.height) + 1) revert WrongBlock(block.number, head.height);
        Book storage book = _books[head.epoch & 1];
        if (place >= book.size) revert NoSuchPlace(place, book.size);

        uint256 recorded = _recordPrecommits(head, entry.start, place, precommits);
        uint256 base = block.number == entry.start ? 0 : head.builder;
        _recordTurns(book, base, place, block.number == head.floor ? FULL_PAY : recorded);
        _recordBuilder(head, entry, base, place, book.members[place].signer);
        head.height = uint64(block.number);
        head.builder = place;
        _head = head;
        if (block.number == uint256(entry.start) + LATE_HEIGHTS - 1 && head.epoch != 0) _close(head.epoch - 1);
    }

    // ---- opening ----

    function _checkFirst(uint64 epoch, uint64 version) private view {
        if (epoch != 0) revert WrongEpoch(epoch, block.number);
        if (version == 0) revert WrongVersion(version);
    }

    /// @dev The epoch before ends here: as planned, or cut by a restart, which closes all records.
    function _finishEpoch(Head memory head, uint64 epoch, uint64 stakeBlock, uint64 version) private {
        Entry storage last = _entries[head.epoch];
        if (block.number != uint256(head.height) + 1) revert WrongBlock(block.number, head.height);
        if (epoch != head.epoch + 1) revert WrongEpoch(epoch, block.number);
        if (stakeBlock < last.stakeBlock) revert StakeBlockWentBack(stakeBlock, last.stakeBlock);
        if (version == last.version) {
            if (block.number != uint256(last.end) + 1) revert WrongEpoch(epoch, block.number);
            return;
        }
        if (version != last.version + 1) revert WrongVersion(version);
        last.end = head.height;
        if (head.epoch != 0) _close(head.epoch - 1);
        _close(head.epoch);
    }

    function _fillBook(Book storage book, uint64 epoch, Seat[] calldata order) private {
        uint256 size = order.length;
        uint256 total = 0;
        for (uint256 i = 0; i < size; ++i) {
            total += order[i].power;
        }
        if (size == 0 || size > MAX_SEATS || total == 0 || total > type(uint64).max) revert WrongSeats(size, total);
        book.epoch = epoch;
        book.totalPower = uint64(total);
        book.size = uint16(size);
        book.closed = false;
        book.built = 0;
        book.named = 0;
        for (uint256 i = 0; i < size; ++i) {
            book.members[i] = Member({id: order[i].id, signer: order[i].signer});
            book.tallies[i] = Tally({id: order[i].id, blocksBuilt: 0, turnsMissed: 0, blockPay: 0});
        }
        for (uint256 i = 0; i < size; i += 8) {
            book.votes[i / 8] = 0;
        }
        for (uint256 i = 0; i < size; i += 4) {
            book.powers[i / 4] = _packPowers(order, i);
        }
    }

    function _packPowers(Seat[] calldata order, uint256 from) private pure returns (uint256 word) {
        for (uint256 i = from; i < order.length && i < from + 4; ++i) {
            word |= uint256(order[i].power) << (64 * (i - from));
        }
    }

    // ---- recording ----

    /// @dev Returns the part of the power of the last height that is recorded, in 1/10,000.
    function _recordPrecommits(Head memory head, uint256 start, uint256 builder, uint256[] calldata precommits)
        private
        returns (uint256 recorded)
    {
        uint256 most = block.number - head.floor;
        if (most > LATE_HEIGHTS) most = LATE_HEIGHTS;
        if (precommits.length > most) revert TooManyHeights(precommits.length, most);
        if (most != 0) _precommits[(block.number - 1) % LATE_HEIGHTS] = 0; // of the height that left the window
        for (uint256 k = 0; k < precommits.length; ++k) {
            uint256 height = block.number - 1 - k;
            uint256 epoch = height >= start ? head.epoch : head.epoch - 1;
            uint256 fresh = _recordHeight(_books[epoch & 1], height, precommits[k]);
            if (k == 0) recorded = _powerOf(_books[epoch & 1], fresh);
            if (epoch == head.epoch) _nameInEpoch(_books[epoch & 1], fresh, builder);
            else _nameLate(_books[epoch & 1], fresh, _books[head.epoch & 1].members[builder].id, head.epoch);
        }
    }

    /// @dev Returns the places that were not recorded for this height before.
    function _recordHeight(Book storage book, uint256 height, uint256 places) private returns (uint256 fresh) {
        uint256 seen = _precommits[height % LATE_HEIGHTS];
        fresh = places & ~seen;
        if (fresh == 0) return 0;
        if (book.size < MAX_SEATS && fresh >> book.size != 0) revert NoSuchPlace(_highest(fresh), book.size);
        _precommits[height % LATE_HEIGHTS] = seen | fresh;
        _countVotes(book, fresh);
    }

    function _countVotes(Book storage book, uint256 places) private {
        for (uint256 word = 0; places != 0; ++word) {
            uint256 eight = places & 0xff;
            places >>= 8;
            if (eight == 0) continue;
            uint256 counts = book.votes[word];
            for (uint256 i = 0; i < 8; ++i) {
                counts += ((eight >> i) & 1) << (32 * i);
            }
            book.votes[word] = counts;
        }
    }

    /// @dev In 1/10,000 of the power of the epoch.
    function _powerOf(Book storage book, uint256 places) private view returns (uint256) {
        uint256 power = 0;
        for (uint256 word = 0; places != 0; ++word) {
            uint256 four = places & 0xf;
            places >>= 4;
            if (four == 0) continue;
            uint256 powers = book.powers[word];
            for (uint256 i = 0; i < 4; ++i) {
                if ((four >> i) & 1 == 1) power += uint64(powers >> (64 * i));
            }
        }
        return (power * FULL_PAY) / book.totalPower;
    }

    /// @dev One's own record of one's own vote proves nothing to the others, so it names nobody.
    function _nameInEpoch(Book storage book, uint256 places, uint256 builder) private {
        uint256 named = book.named;
        uint256 with = named | (places & ~(1 << builder));
        if (with != named) book.named = with;
    }

    /// @dev Votes for the epoch before: its order has other places, so ids are kept.
    function _nameLate(Book storage book, uint256 places, uint256 builder, uint256 epoch) private {
        for (uint256 i = 0; places >> i != 0; ++i) {
            if ((places >> i) & 1 == 0) continue;
            uint256 id = book.members[i].id;
            if (id != builder && _namedLate[id] != epoch + 1) _namedLate[id] = epoch + 1;
        }
    }

    /// @dev The turn went from `base` to `place`; all between missed theirs.
    function _recordTurns(Book storage book, uint256 base, uint256 place, uint256 pay) private {
        uint256 size = book.size;
        for (uint256 i = base; i != place; i = (i + 1) % size) {
            ++book.tallies[i].turnsMissed;
        }
        Tally memory tally = book.tallies[place];
        ++tally.blocksBuilt;
        if (tally.turnsMissed == 0) tally.blockPay += uint64(pay);
        book.tallies[place] = tally;
        uint256 built = book.built;
        if ((built >> place) & 1 == 0) book.built = built | (1 << place);
    }

    function _recordBuilder(Head memory head, Entry memory entry, uint256 base, uint256 place, address signer) private {
        // slither-disable-next-line unused-return
        if (_builders.latest() != uint160(signer)) _builders.push(uint96(block.number), uint160(signer));
        if (place == base) return;
        emit ReCommitEpoch(head.epoch, head.epoch, head.epoch, block.number, entry.end, signer);
    }

    // ---- closing ----

    function _close(uint256 epoch) private {
        Book storage book = _books[epoch & 1];
        if (book.closed) return;
        book.closed = true;
        EpochRecord memory record = _record(book);
        bytes32 hash = EpochRecords.hash(epoch, record);
        _records[epoch] = hash;
        emit EpochClosed(epoch, hash, record);
    }

    function _highest(uint256 places) private pure returns (uint256 place) {
        while (places >> place > 1) {
            ++place;
        }
    }
}
