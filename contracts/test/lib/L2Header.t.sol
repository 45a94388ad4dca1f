// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {Test} from "forge-std/Test.sol";
import {stdJson} from "forge-std/StdJson.sol";
import {L2Header} from "../../src/lib/L2Header.sol";
import {TestHeaders} from "../l1/TestHeaders.sol";

contract L2HeaderTest is Test {
    using stdJson for string;

    function test_ReadsHeadersOfTheRealEngine() public view {
        string memory chain = vm.readFile("test/fixtures/epochs_4.json");
        for (uint256 i = 0; i < 2; ++i) {
            string memory path = string.concat(".batches[", vm.toString(i), "]");
            L2Header.Fields memory found = this.decode(chain.readBytes(string.concat(path, ".header")));
            assertEq(found.number, chain.readUint(string.concat(path, ".last")));
            assertEq(found.hash, chain.readBytes32(string.concat(path, ".blockHash")));
            assertEq(found.stateRoot, chain.readBytes32(string.concat(path, ".stateRoot")));
            assertEq(found.epoch, i);
            assertEq(found.stakeBlock, 10_000 + 10 * i);
        }
    }

    function testFuzz_ReadsBackWhatWasEncoded(TestHeaders.Content memory content) public view {
        vm.assume(content.stateRoot != 0);
        bytes memory encoded = TestHeaders.encode(content);
        L2Header.Fields memory found = this.decode(encoded);
        assertEq(found.number, content.number);
        assertEq(found.epoch, content.epoch);
        assertEq(found.stakeBlock, content.stakeBlock);
        assertEq(found.stateRoot, content.stateRoot);
        assertEq(found.timestamp, 1_800_000_000);
        assertEq(found.hash, keccak256(encoded));
    }

    function testFuzz_ExtraDataOfAnotherLayoutIsRefused(bytes memory extra) public {
        vm.assume(extra.length != 29 || extra[0] != 0x01);
        TestHeaders.Content memory content;
        bytes memory encoded = TestHeaders.encode(content, extra);
        vm.expectRevert(L2Header.HeaderExtraData.selector);
        this.decode(encoded);
    }

    function test_ListsOfOtherLengthsAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(L2Header.HeaderFields.selector, 0));
        this.decode(hex"c0");
        vm.expectRevert(abi.encodeWithSelector(L2Header.HeaderFields.selector, 2));
        this.decode(hex"c20102");
    }

    function testFuzz_WhatIsNoListIsRefused(bytes memory junk) public {
        vm.assume(junk.length == 0 || uint8(junk[0]) < 0xc0);
        vm.expectRevert(RLP.RLPInvalidEncoding.selector);
        this.decode(junk);
    }

    function testFuzz_CutHeadersAreRefused(uint256 length) public {
        TestHeaders.Content memory content;
        bytes memory encoded = TestHeaders.encode(content);
        bytes memory cut = new bytes(bound(length, 0, encoded.length - 1));
        for (uint256 i = 0; i < cut.length; ++i) {
            cut[i] = encoded[i];
        }
        vm.expectRevert(RLP.RLPInvalidEncoding.selector);
        this.decode(cut);
    }

    function decode(bytes memory encoded) external pure returns (L2Header.Fields memory) {
        return L2Header.decode(encoded);
    }
}
