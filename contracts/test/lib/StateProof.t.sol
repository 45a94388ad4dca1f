// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {stdJson} from "forge-std/StdJson.sol";
import {SequencerSetLayout} from "../../src/lib/SequencerSetLayout.sol";
import {StateProof} from "../../src/lib/StateProof.sol";

/// @dev Proofs are those that the real engine gives for `eth_getProof`.
contract StateProofTest is Test {
    using stdJson for string;

    string[2] internal chains = ["test/fixtures/epochs_4.json", "test/fixtures/epochs_32.json"];

    function test_ProvesWhatTheEngineStores() public view {
        for (uint256 i = 0; i < chains.length; ++i) {
            string memory chain = vm.readFile(chains[i]);
            bytes32 root = chain.readBytes32(".batches[1].stateRoot");
            assertEq(
                _value(chain, root, ".recordProof", SequencerSetLayout.recordSlot(0)),
                _stored(chain, ".recordProof.value")
            );
            for (uint256 e = 0; e < 2; ++e) {
                string memory path = string.concat(".entryProofs[", vm.toString(e), "]");
                assertEq(
                    _value(chain, root, path, SequencerSetLayout.entrySlot(e)),
                    _stored(chain, string.concat(path, ".value"))
                );
            }
        }
    }

    function test_AnotherRootAccountOrSlotProvesNothing() public {
        string memory chain = vm.readFile(chains[0]);
        bytes32 root = chain.readBytes32(".batches[1].stateRoot");
        bytes[] memory account = chain.readBytesArray(".recordProof.account");
        bytes[] memory storage_ = chain.readBytesArray(".recordProof.storage");
        bytes32 slot = SequencerSetLayout.recordSlot(0);
        address set = SequencerSetLayout.SEQUENCER_SET;
        vm.expectRevert();
        this.prove(chain.readBytes32(".batches[0].stateRoot"), set, slot, account, storage_);
        vm.expectRevert();
        this.prove(root, address(uint160(set) + 1), slot, account, storage_);
        vm.expectRevert();
        this.prove(root, set, SequencerSetLayout.recordSlot(1), account, storage_);
        vm.expectRevert();
        this.prove(root, set, slot, storage_, account);
        vm.expectRevert();
        this.prove(root, set, slot, new bytes[](0), storage_);
        vm.expectRevert();
        this.prove(root, set, slot, account, new bytes[](0));
        assertGt(this.prove(root, set, slot, account, storage_), 0);
    }

    function testFuzz_LongerProofsAreRefused(bytes memory more) public {
        string memory chain = vm.readFile(chains[0]);
        bytes32 root = chain.readBytes32(".batches[1].stateRoot");
        bytes[] memory account = chain.readBytesArray(".recordProof.account");
        bytes[] memory proof = chain.readBytesArray(".recordProof.storage");
        bytes[] memory longer = new bytes[](proof.length + 1);
        for (uint256 i = 0; i < proof.length; ++i) {
            longer[i] = proof[i];
        }
        longer[proof.length] = more;
        vm.expectRevert();
        this.prove(root, SequencerSetLayout.SEQUENCER_SET, SequencerSetLayout.recordSlot(0), account, longer);
    }

    function prove(bytes32 root, address account, bytes32 slot, bytes[] memory accountProof, bytes[] memory proof)
        external
        pure
        returns (uint256)
    {
        return StateProof.storageAt(root, account, slot, accountProof, proof);
    }

    function _value(string memory chain, bytes32 root, string memory path, bytes32 slot)
        private
        view
        returns (uint256)
    {
        return this.prove(
            root,
            SequencerSetLayout.SEQUENCER_SET,
            slot,
            chain.readBytesArray(string.concat(path, ".account")),
            chain.readBytesArray(string.concat(path, ".storage"))
        );
    }

    function _stored(string memory chain, string memory path) private pure returns (uint256) {
        return vm.parseUint(vm.parseJsonString(chain, path));
    }
}
