// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {NetworkParameters} from "../../src/l1/NetworkParameters.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {INetworkParameters} from "../../src/l1/interfaces/INetworkParameters.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @dev Governed numbers: bounds, defaults, the past.
contract NetworkParametersTest is PoolFixture {
    function test_EveryKeyStartsAtItsDefaultWithinItsBounds() public view {
        bytes32[] memory keys = parameters.keys();
        assertEq(keys.length, 16);
        for (uint256 i = 0; i < keys.length; ++i) {
            (uint256 least, uint256 greatest) = parameters.bounds(keys[i]);
            uint256 value = parameters.get(keys[i]);
            assertGe(value, least);
            assertLe(value, greatest);
            for (uint256 j = 0; j < i; ++j) {
                assertNotEq(keys[i], keys[j], "a name twice");
            }
        }
        assertEq(parameters.get(ParameterKeys.MIN_LOCK), 20_000 * METIS);
        assertEq(parameters.get(ParameterKeys.MAX_LOCK), 100_000 * METIS);
        assertEq(parameters.get(ParameterKeys.EXIT_DELAY), 21 days);
        assertEq(parameters.get(ParameterKeys.MAX_SEQUENCERS), 32);
        assertEq(parameters.get(ParameterKeys.EPOCH_LENGTH), 200);
        assertEq(parameters.get(ParameterKeys.RECOVERY_DELAY), 3 days);
    }

    function testFuzz_BoundsHold(uint8 which, uint256 value) public {
        bytes32[] memory keys = parameters.keys();
        bytes32 key = keys[which % keys.length];
        (uint256 least, uint256 greatest) = parameters.bounds(key);
        vm.startPrank(governance);
        if (value < least || value > greatest) {
            vm.expectRevert(
                abi.encodeWithSelector(INetworkParameters.ParameterOutOfBounds.selector, key, value, least, greatest)
            );
            parameters.set(key, value);
        }
        value = bound(value, least, greatest);
        if (key == ParameterKeys.MIN_LOCK) value = bound(value, least, 100_000 * METIS);
        if (key == ParameterKeys.MAX_LOCK) value = bound(value, 20_000 * METIS, greatest);
        vm.expectEmit(address(parameters));
        emit INetworkParameters.ParameterSet(key, value);
        parameters.set(key, value);
        assertEq(parameters.get(key), value);
    }

    function test_MinLockStaysBelowMaxLock() public {
        vm.startPrank(governance);
        vm.expectRevert(
            abi.encodeWithSelector(
                INetworkParameters.MinLockAboveMaxLock.selector, 100_001 * METIS, 100_000 * METIS
            )
        );
        parameters.set(ParameterKeys.MIN_LOCK, 100_001 * METIS);
        parameters.set(ParameterKeys.MAX_LOCK, 100_001 * METIS);
        parameters.set(ParameterKeys.MIN_LOCK, 100_001 * METIS);
    }

    function test_ThePastIsKeptByBlock() public {
        bytes32 key = ParameterKeys.JAIL_TERM;
        uint256 first = block.number;
        setParameter(key, 1 days);
        setParameter(key, 2 days); // the last word of the block
        mine(10);
        uint256 second = block.number;
        setParameter(key, 3 days);
        vm.expectRevert(abi.encodeWithSelector(INetworkParameters.FutureLookup.selector, second, second));
        parameters.valueAt(key, second);
        mine(1);
        assertEq(parameters.valueAt(key, first - 1), 7 days);
        assertEq(parameters.valueAt(key, first), 2 days);
        assertEq(parameters.valueAt(key, second - 1), 2 days);
        assertEq(parameters.valueAt(key, second), 3 days);
        vm.expectRevert(abi.encodeWithSelector(INetworkParameters.NoValueYet.selector, key, 999));
        parameters.valueAt(key, 999);
        assertEq(parameters.valueAt(key, 1_000), 7 days);
    }

    function test_UnknownNamesAreRefused() public {
        bytes memory reason = abi.encodeWithSelector(INetworkParameters.UnknownParameter.selector, bytes32("minlock"));
        vm.startPrank(governance);
        vm.expectRevert(reason);
        parameters.set("minlock", 1);
        vm.expectRevert(reason);
        parameters.get("minlock");
        vm.expectRevert(reason);
        parameters.valueAt("minlock", 1);
        vm.expectRevert(reason);
        parameters.bounds("minlock");
    }

    function test_OnlyTheOwnerSetsAndUpgrades() public {
        address newCode = address(new NetworkParameters());
        bytes memory reason =
            abi.encodeWithSelector(OwnableUpgradeable.OwnableUnauthorizedAccount.selector, stranger);
        vm.startPrank(stranger);
        vm.expectRevert(reason);
        parameters.set(ParameterKeys.JAIL_TERM, 1 days);
        vm.expectRevert(reason);
        parameters.upgradeToAndCall(newCode, "");
        vm.stopPrank();
        vm.startPrank(governance);
        parameters.upgradeToAndCall(newCode, "");
        assertEq(parameters.get(ParameterKeys.JAIL_TERM), 7 days);
        vm.expectRevert(INetworkParameters.OwnerIsNeeded.selector);
        parameters.renounceOwnership();
    }

    function test_SetUpOnceWithNamedValues() public {
        bytes32[] memory names = new bytes32[](2);
        uint256[] memory values = new uint256[](2);
        // both limits move past the defaults of the other: order does not matter while setting up
        (names[0], values[0]) = (ParameterKeys.MIN_LOCK, 200_000 * METIS);
        (names[1], values[1]) = (ParameterKeys.MAX_LOCK, 300_000 * METIS);
        NetworkParameters code = new NetworkParameters();
        NetworkParameters made = NetworkParameters(
            address(
                new ERC1967Proxy(
                    address(code), abi.encodeCall(NetworkParameters.initialize, (governance, names, values))
                )
            )
        );
        assertEq(made.get(ParameterKeys.MIN_LOCK), 200_000 * METIS);
        assertEq(made.get(ParameterKeys.JAIL_TERM), 7 days);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        made.initialize(stranger, names, values);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        code.initialize(stranger, names, values);
        vm.expectRevert(abi.encodeWithSelector(INetworkParameters.LengthMismatch.selector, 2, 1));
        new ERC1967Proxy(
            address(code), abi.encodeCall(NetworkParameters.initialize, (governance, names, new uint256[](1)))
        );
    }

    /// Any history of changes reads back block by block as a plain list of it would.
    function testFuzz_HistoryReadsBackAsItWasWritten(uint16[12] memory values, uint8[12] memory gaps) public {
        bytes32 key = ParameterKeys.EPOCH_LENGTH;
        uint256 from = block.number;
        uint256[] memory atBlock = new uint256[](12 * 4 + 1);
        uint256 now_ = 0;
        uint256 value = 200;
        for (uint256 i = 0; i < 12; ++i) {
            for (uint256 gap = gaps[i] % 5; gap != 0; --gap) {
                atBlock[now_++] = value;
                mine(1);
            }
            value = bound(values[i], 64, 86_400);
            setParameter(key, value);
        }
        atBlock[now_++] = value;
        mine(1);
        for (uint256 i = 0; i < now_; ++i) {
            assertEq(parameters.valueAt(key, from + i), atBlock[i]);
        }
    }
}
