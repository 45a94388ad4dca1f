// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {EpochRecord, SequencerRecord} from "../../src/lib/EpochRecord.sol";
import {EpochRewards} from "../../src/lib/EpochRewards.sol";

/// @dev Rules R1 to R6 of docs/protocol/settlement.md.
contract EpochRewardsTest is Test {
    uint32 internal constant HEIGHTS = 200;

    EpochRewards.Rates internal rates =
        EpochRewards.Rates({perBlock: 761_000 gwei, perVote: 20_000 gwei, perMiss: 10_000 gwei});

    function test_AFlawlessEpochPaysTheWholeRates() public view {
        EpochRecord memory record = _record(2);
        record.sequencers[0].blockPay = 10_000 * uint64(HEIGHTS);
        (uint256[] memory credits, uint256[] memory fines) = _compute(record, _powers(30, 10));
        assertEq(credits[0], uint256(HEIGHTS) * 776_000 gwei);
        assertEq(credits[1], uint256(HEIGHTS) * 5_000 gwei);
        assertEq(fines[0] + fines[1], 0);
    }

    function test_AMissedVoteCostsMoreTheMorePowerIsMissing() public view {
        EpochRecord memory record = _record(3);
        record.sequencers[1].votesRecorded = HEIGHTS - 1;
        (, uint256[] memory fines) = _compute(record, _powers(80, 10, 10));
        assertEq(fines[1], 1_001.5 gwei, "0.05 % of the votes are missing");
        record.sequencers[1].votesRecorded = 0;
        record.sequencers[2].votesRecorded = 0;
        (, fines) = _compute(record, _powers(80, 10, 10));
        assertEq(fines[1], uint256(HEIGHTS) * 1_600 gwei, "a fifth is missing");
    }

    function test_WhoHadNoPowerIsNeitherPaidNorFined() public view {
        EpochRecord memory record = _record(2);
        record.sequencers[0].blockPay = 10_000 * uint64(HEIGHTS);
        record.sequencers[0].votesRecorded = 3;
        (uint256[] memory credits, uint256[] memory fines) = _compute(record, _powers(0, 10));
        assertEq(credits[0], 0);
        assertEq(fines[0], 0);
        assertGt(credits[1], 0);
    }

    /// @dev A false record may name anything; what an epoch can pay is bounded all the same.
    function testFuzz_AnEpochPaysAtMostItsLength(uint64[3] memory pays, uint32[3] memory votes, uint64[3] memory raw)
        public
        view
    {
        EpochRecord memory record = _record(3);
        uint64[] memory powers = new uint64[](3);
        for (uint256 i = 0; i < 3; ++i) {
            powers[i] = uint64(bound(raw[i], 1, 1e16));
            record.sequencers[i].blockPay = pays[i];
            record.sequencers[i].votesRecorded = votes[i];
        }
        (uint256[] memory credits, uint256[] memory fines) = _compute(record, powers);
        assertLe(credits[0] + credits[1] + credits[2], HEIGHTS * (rates.perBlock + rates.perVote));
        assertLe(fines[0] + fines[1] + fines[2], HEIGHTS * rates.perMiss * 4);
    }

    function testFuzz_SplittingAStakeChangesNothing(uint32 votes, uint64 power, uint64 others) public view {
        votes = uint32(bound(votes, 0, HEIGHTS));
        power = uint64(bound(power, 1, 1e15));
        others = uint64(bound(others, 1, 1e15));
        EpochRecord memory whole = _record(2);
        whole.sequencers[0].votesRecorded = votes;
        EpochRecord memory halves = _record(3);
        halves.sequencers[0].votesRecorded = halves.sequencers[1].votesRecorded = votes;
        (uint256[] memory a, uint256[] memory fineA) = _compute(whole, _powers(2 * power, others));
        (uint256[] memory b, uint256[] memory fineB) = _compute(halves, _powers(power, power, others));
        assertApproxEqAbs(a[0], b[0] + b[1], 1);
        assertApproxEqAbs(fineA[0], fineB[0] + fineB[1], 1);
    }

    /// @dev Consensus.md: leaving out others' votes costs the builder more than its victims.
    function testFuzz_LeavingOutVotesCostsTheBuilderMoreThanItsVictims(uint64[4] memory raw, uint8 victims, uint32 times)
        public
        view
    {
        uint64[] memory powers = new uint64[](4);
        uint64 total = 0;
        uint64 left = 0;
        for (uint256 i = 0; i < 4; ++i) {
            powers[i] = uint64(bound(raw[i], 20_000e9, 100_000e9));
            total += powers[i];
            if (i != 0 && (victims >> i) & 1 == 1) left += powers[i];
        }
        vm.assume(left != 0);
        times = uint32(bound(times, 1, HEIGHTS)); // 0 builds all blocks and leaves them out so often
        EpochRecord memory honest = _record(4);
        honest.sequencers[0].blockPay = 10_000 * uint64(HEIGHTS);
        EpochRecord memory censored = _record(4);
        censored.sequencers[0].blockPay =
            10_000 * uint64(HEIGHTS - times) + uint64(times) * ((total - left) * 10_000 / total);
        for (uint256 i = 1; i < 4; ++i) {
            if ((victims >> i) & 1 == 1) censored.sequencers[i].votesRecorded = HEIGHTS - times;
        }
        int256[4] memory cost = _loss(honest, censored, powers);
        assertGt(cost[0], cost[1] + cost[2] + cost[3]);
    }

    function _loss(EpochRecord memory honest, EpochRecord memory censored, uint64[] memory powers)
        private
        view
        returns (int256[4] memory cost)
    {
        (uint256[] memory a, uint256[] memory fineA) = _compute(honest, powers);
        (uint256[] memory b, uint256[] memory fineB) = _compute(censored, powers);
        for (uint256 i = 0; i < 4; ++i) {
            cost[i] = int256(a[i]) - int256(fineA[i]) - int256(b[i]) + int256(fineB[i]);
        }
    }

    function _compute(EpochRecord memory record, uint64[] memory powers)
        private
        view
        returns (uint256[] memory credits, uint256[] memory fines)
    {
        uint64 total = 0;
        for (uint256 i = 0; i < powers.length; ++i) {
            total += powers[i];
        }
        return EpochRewards.compute(record, powers, total, rates);
    }

    /// @dev All voted at all heights, and nobody built.
    function _record(uint64 n) private pure returns (EpochRecord memory record) {
        record.start = 1_001;
        record.end = 1_000 + HEIGHTS;
        record.sequencers = new SequencerRecord[](n);
        for (uint64 i = 0; i < n; ++i) {
            record.sequencers[i].id = i + 1;
            record.sequencers[i].votesRecorded = HEIGHTS;
        }
    }

    function _powers(uint64 a, uint64 b) private pure returns (uint64[] memory powers) {
        powers = new uint64[](2);
        (powers[0], powers[1]) = (a, b);
    }

    function _powers(uint64 a, uint64 b, uint64 c) private pure returns (uint64[] memory powers) {
        powers = new uint64[](3);
        (powers[0], powers[1], powers[2]) = (a, b, c);
    }
}
