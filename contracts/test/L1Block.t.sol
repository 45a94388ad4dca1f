// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {L1Block} from "../src/l2/L1Block.sol";

contract L1BlockTest is Test {
    L1Block internal l1Block;
    address internal depositor;

    event OriginUpdated(uint64 indexed number, bytes32 indexed hash, uint64 timestamp);

    function setUp() public {
        l1Block = new L1Block();
        depositor = l1Block.DEPOSITOR_ACCOUNT();
    }

    function testFuzz_DepositorRecordsOrigin(
        uint64 number,
        uint64 timestamp,
        uint256 basefee,
        uint256 blobBaseFee,
        bytes32 hash,
        bytes32 randao
    ) public {
        vm.assume(hash != 0);
        vm.expectEmit();
        emit OriginUpdated(number, hash, timestamp);
        vm.prank(depositor);
        l1Block.setL1Block(number, timestamp, basefee, blobBaseFee, hash, randao);
        assertEq(l1Block.number(), number);
        assertEq(l1Block.timestamp(), timestamp);
        assertEq(l1Block.basefee(), basefee);
        assertEq(l1Block.blobBaseFee(), blobBaseFee);
        assertEq(l1Block.hash(), hash);
        assertEq(l1Block.prevRandao(), randao);
        assertEq(l1Block.sequenceNumber(), 0);
    }

    function test_RepeatedOriginOnlyCounts() public {
        vm.startPrank(depositor);
        l1Block.setL1Block(7, 70, 1, 2, keccak256("a"), 0);
        vm.recordLogs();
        l1Block.setL1Block(7, 70, 1, 2, keccak256("a"), 0);
        l1Block.setL1Block(7, 70, 1, 2, keccak256("a"), 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(l1Block.sequenceNumber(), 2);
        l1Block.setL1Block(8, 82, 1, 2, keccak256("b"), 0);
        assertEq(l1Block.sequenceNumber(), 0);
        assertEq(l1Block.number(), 8);
    }

    function testFuzz_NobodyElseMayWrite(address caller) public {
        vm.assume(caller != depositor);
        vm.prank(caller);
        vm.expectRevert(L1Block.NotDepositor.selector);
        l1Block.setL1Block(1, 1, 1, 1, keccak256("x"), 0);
    }
}
