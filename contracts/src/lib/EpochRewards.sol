// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {EpochRecord, SequencerRecord} from "./EpochRecord.sol";

/// @title EpochRewards
/// @notice What an epoch pays and costs its sequencers. The text is docs/protocol/settlement.md.
/// @dev Rules, all integers, rounded down where they divide:
///
/// - R1 heights = end - start + 1; votes_i = min(votesRecorded_i, heights); missed_i = heights - votes_i.
/// - R2 blockPay: in the record's order, each gets what it claims of the `10,000 * heights` that an epoch can pay.
/// - R3 credit_i = rewardPerBlock * blockPay_i / 10,000 + rewardPerVote * votes_i * power_i / total.
/// - R4 participation = 10,000 * sum(votes_i * power_i) / (heights * total), at most 10,000;
///   factor = 10,000 + 3 * (10,000 - participation).
/// - R5 fine_i = voteFine * missed_i * power_i * factor / (total * 10,000).
/// - R6 Who had no power at the stake block is neither paid nor fined.
library EpochRewards {
    uint256 internal constant ONE = 10_000;
    /// @dev With a third of the votes missing, a missed vote costs double.
    uint256 internal constant LEAK = 3;

    /// @notice Governed numbers at the epoch's stake block, wei of METIS for the whole power.
    struct Rates {
        uint256 perBlock;
        uint256 perVote;
        uint256 perMiss;
    }

    /// @notice Credits and fines in the order of the record, wei of METIS.
    /// @param powers at the stake block, in the order of the record
    /// @param total power at the stake block, not zero
    function compute(EpochRecord memory record, uint64[] memory powers, uint64 total, Rates memory rates)
        internal
        pure
        returns (uint256[] memory credits, uint256[] memory fines)
    {
        uint256 size = record.sequencers.length;
        uint256 heights = uint256(record.end) + 1 - record.start;
        uint256 payLeft = ONE * heights;
        uint256 factor = _factor(record, powers, total, heights);
        credits = new uint256[](size);
        fines = new uint256[](size);
        for (uint256 i = 0; i < size; ++i) {
            if (powers[i] == 0) continue;
            SequencerRecord memory done = record.sequencers[i];
            uint256 pay = Math.min(done.blockPay, payLeft);
            payLeft -= pay;
            uint256 votes = Math.min(done.votesRecorded, heights);
            credits[i] = (rates.perBlock * pay) / ONE + (rates.perVote * votes * powers[i]) / total;
            fines[i] = (rates.perMiss * (heights - votes) * powers[i] * factor) / (uint256(total) * ONE);
        }
    }

    function _factor(EpochRecord memory record, uint64[] memory powers, uint64 total, uint256 heights)
        private
        pure
        returns (uint256)
    {
        uint256 recorded = 0;
        for (uint256 i = 0; i < powers.length; ++i) {
            recorded += Math.min(record.sequencers[i].votesRecorded, heights) * powers[i];
        }
        uint256 participation = Math.min((ONE * recorded) / (heights * total), ONE);
        return ONE + LEAK * (ONE - participation);
    }
}
