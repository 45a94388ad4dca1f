// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {stdJson} from "forge-std/StdJson.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Digests} from "../src/lib/Digests.sol";

/// @notice Digests equal those that eth_account wrote into fixtures/digests.json, which the Python
/// implementation is compared with too.
contract DigestsTest is Test {
    using stdJson for string;

    string internal fixture;
    address internal pool;

    function setUp() public {
        fixture = vm.readFile("test/fixtures/digests.json");
        pool = fixture.readAddress(".lockingPool");
    }

    function test_DigestsAndSignaturesAreThoseOfTheFixture() public view {
        address[] memory signers = fixture.readAddressArray(".signers");
        uint256 count = fixture.readUint(".count");
        assertEq(count, 48);
        for (uint256 i = 0; i < count; ++i) {
            string memory path = string.concat(".cases[", Strings.toString(i), "]");
            bytes32 found = _digest(path);
            assertEq(found, fixture.readBytes32(string.concat(path, ".digest")), path);
            bytes[] memory signatures = fixture.readBytesArray(string.concat(path, ".signatures"));
            for (uint256 j = 0; j < signers.length; ++j) {
                assertEq(ECDSA.recover(found, signatures[j]), signers[j], path);
            }
        }
    }

    function testFuzz_AnotherDomainIsAnotherDigest(uint8 version, uint256 chainId, address other, uint64 height)
        public
        view
    {
        bytes32 mine = Digests.domainSeparator(1, 1088, pool);
        bytes32 theirs = Digests.domainSeparator(version, chainId, other);
        bool same = version == 1 && chainId == 1088 && other == pool;
        assertEq(Digests.yielding(mine, height, 0) == Digests.yielding(theirs, height, 0), same);
    }

    function testFuzz_KindsOfMessagesShareNoDigest(uint64 height, uint32 round, bytes32 hash) public view {
        bytes32 domain = Digests.domainSeparator(1, 1088, pool);
        bytes32 prevote = Digests.vote(domain, 1, height, round, hash);
        bytes32 precommit = Digests.vote(domain, 2, height, round, hash);
        bytes32 proposal = Digests.proposal(domain, height, round, -1, hash);
        assertNotEq(prevote, precommit);
        assertNotEq(prevote, proposal);
        assertNotEq(precommit, proposal);
        assertNotEq(proposal, Digests.proposal(domain, height, round, 0, hash));
    }

    function _digest(string memory path) private view returns (bytes32) {
        bytes32 domain = Digests.domainSeparator(
            fixture.readUint(string.concat(path, ".version")), fixture.readUint(string.concat(path, ".chainId")), pool
        );
        bytes32 name = keccak256(bytes(fixture.readString(string.concat(path, ".type"))));
        if (name == keccak256("Vote")) {
            return Digests.vote(
                domain, uint8(_uint(path, "kind")), _u64(path, "height"), uint32(_uint(path, "round")), _hash(path, "blockHash")
            );
        }
        if (name == keccak256("Proposal")) {
            int32 validRound = int32(fixture.readInt(string.concat(path, ".message.validRound")));
            return Digests.proposal(
                domain, _u64(path, "height"), uint32(_uint(path, "round")), validRound, _hash(path, "blockHash")
            );
        }
        if (name == keccak256("Yield")) return Digests.yielding(domain, _u64(path, "height"), uint32(_uint(path, "round")));
        if (name == keccak256("Batch")) {
            return Digests.batch(
                domain, _u64(path, "first"), _u64(path, "last"), _hash(path, "lastBlockHash"), _hash(path, "dataHash")
            );
        }
        assertEq(name, keccak256("SignerProof"));
        return Digests.signerProof(domain, fixture.readAddress(string.concat(path, ".message.owner")));
    }

    function _uint(string memory path, string memory field) private view returns (uint256) {
        return fixture.readUint(string.concat(path, ".message.", field));
    }

    function _u64(string memory path, string memory field) private view returns (uint64) {
        return uint64(_uint(path, field));
    }

    function _hash(string memory path, string memory field) private view returns (bytes32) {
        return fixture.readBytes32(string.concat(path, ".message.", field));
    }
}
