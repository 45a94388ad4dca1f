// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {EpochRecord, EpochRecords} from "../../src/lib/EpochRecord.sol";
import {EpochRewards} from "../../src/lib/EpochRewards.sol";

/// @notice Credits, fines and record hashes equal those that `metis_node.staking.rewards` wrote into
/// fixtures/rewards.json.
contract EpochRewardsFixtureTest is Test {
    function test_RewardsAndFinesAreThoseOfThePythonImplementation() public view {
        bytes[] memory cases = vm.parseJsonBytesArray(vm.readFile("test/fixtures/rewards.json"), ".cases");
        assertEq(cases.length, 96);
        for (uint256 i = 0; i < cases.length; ++i) {
            _check(cases[i]);
        }
    }

    function _check(bytes memory encoded) private pure {
        (
            uint256 epoch,
            EpochRecord memory record,
            uint64[] memory powers,
            uint64 total,
            EpochRewards.Rates memory rates,
            uint256[] memory credits,
            uint256[] memory fines,
            bytes32 hash
        ) = abi.decode(
            encoded, (uint256, EpochRecord, uint64[], uint64, EpochRewards.Rates, uint256[], uint256[], bytes32)
        );
        (uint256[] memory ourCredits, uint256[] memory ourFines) = EpochRewards.compute(record, powers, total, rates);
        assertEq(ourCredits, credits);
        assertEq(ourFines, fines);
        assertEq(EpochRecords.hash(epoch, record), hash);
    }
}
