// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SequencerSetFixture} from "./SequencerSet.t.sol";

/// @dev What the system transactions of `SequencerSet` cost: contracts/snapshots/SequencerSet.json, shown in
/// docs/contracts-gas.md. Their gas limits must hold it. Each call here is a transaction (isolation).
/// forge-config: default.isolate = true
contract SequencerSetGasTest is SequencerSetFixture {
    string internal constant GROUP = "SequencerSet";

    function test_Gas_4() public {
        _measure(4);
    }

    function test_Gas_32() public {
        _measure(32);
    }

    function test_Gas_100() public {
        _measure(100);
    }

    function test_Gas_256() public {
        _measure(256);
    }

    function _measure(uint64 size) private {
        string memory of_ = string.concat(", ", vm.toString(size), " sequencers");
        uint256 all = size == 256 ? type(uint256).max : (1 << size) - 1;
        vm.roll(1);
        open(0, 10, 1, seats(size));
        vm.snapshotGasLastCall(GROUP, string.concat("openEpoch, fresh storage", of_));
        step(0, none());
        run(65, 0, all);
        vm.snapshotGasLastCall(GROUP, string.concat("recordBlock", of_));
        open(1, 10, 1, seats(size));
        step(0, one(all));
        vm.snapshotGasLastCall(GROUP, string.concat("recordBlock, first of an epoch", of_));
        run(72, 0, all);
        step(0, one(all));
        vm.snapshotGasLastCall(GROUP, string.concat("recordBlock that closes a record", of_));
        run(129, 0, all);
        open(2, 10, 1, seats(size));
        vm.snapshotGasLastCall(GROUP, string.concat("openEpoch", of_));
    }
}
