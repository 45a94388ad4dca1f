// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {Vm} from "forge-std/Vm.sol";
import {stdJson} from "forge-std/StdJson.sol";
import {EpochSettlement} from "../../src/l1/EpochSettlement.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {SequencerInbox} from "../../src/l1/SequencerInbox.sol";
import {Slasher} from "../../src/l1/Slasher.sol";
import {BatchProof} from "../../src/l1/interfaces/ISequencerInbox.sol";
import {Digests} from "../../src/lib/Digests.sol";
import {EpochRecord} from "../../src/lib/EpochRecord.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {TestHeaders} from "./TestHeaders.sol";

/// @dev The contracts of L1 as they are deployed, with sequencers that have seats, and batches signed by
/// them. `fixtures/epochs_N.json` holds headers and proofs of a chain of the real engine, whose sequencer
/// `id` has the key FIRST_KEY + id and whose epochs have the stake blocks 10,000 and 10,010.
abstract contract RollupFixture is PoolFixture {
    using stdJson for string;

    uint256 internal constant FIRST_KEY = 0xA000;
    uint64 internal constant STAKE_BLOCK = 10_000;
    uint256 internal constant HEAD = 10_100;

    struct Draft {
        uint64 first;
        uint64 last;
        bytes header;
        bytes data;
        uint256[] ids;
        bytes signatures;
    }

    SequencerInbox internal inbox;
    EpochSettlement internal settler;
    Slasher internal court;
    address internal submitter = makeAddr("submitter");
    address internal reporter = makeAddr("reporter");

    function setUp() public virtual override {
        super.setUp();
        inbox = SequencerInbox(
            payable(proxy(address(new SequencerInbox()), abi.encodeCall(SequencerInbox.initialize, (governance, pool))))
        );
        settler = EpochSettlement(
            proxy(
                address(new EpochSettlement()), abi.encodeCall(EpochSettlement.initialize, (governance, pool, inbox))
            )
        );
        court =
            Slasher(proxy(address(new Slasher()), abi.encodeCall(Slasher.initialize, (governance, pool, inbox))));
        vm.startPrank(governance);
        pool.setSlasher(address(court));
        pool.setSettlement(address(settler));
        vm.stopPrank();
    }

    function proxy(address implementation, bytes memory call) internal returns (address) {
        return address(new ERC1967Proxy(implementation, call));
    }

    // ---- sequencers ----

    function signerKey(uint256 id) internal pure returns (uint256) {
        return FIRST_KEY + id;
    }

    function sequencerOwner(uint256 id) internal returns (address) {
        return makeAddr(string.concat("owner ", vm.toString(id)));
    }

    /// @dev Sequencers 1 to n with these stakes have seats, well before STAKE_BLOCK; then time goes to HEAD.
    function seatSequencers(uint256[] memory stakes) internal {
        if (stakes.length > 32) setParameter(ParameterKeys.MAX_SEQUENCERS, stakes.length);
        for (uint256 i = 0; i < stakes.length; ++i) {
            address owner = sequencerOwner(i + 1);
            Vm.Wallet memory key = vm.createWallet(signerKey(i + 1));
            fundOwner(pool, owner, stakes[i]);
            bytes memory proven = provenKey(key, owner);
            vm.prank(owner);
            pool.lockFor(key.addr, stakes[i], proven);
        }
        pass(parameters.get(ParameterKeys.ACTIVATION_DELAY));
        for (uint256 id = 1; id <= stakes.length; ++id) {
            pool.activate(id, 0);
        }
        mine(HEAD - vm.getBlockNumber());
    }

    /// @dev Stakes of n equals.
    function equalStakes(uint256 n) internal pure returns (uint256[] memory stakes) {
        stakes = new uint256[](n);
        for (uint256 i = 0; i < n; ++i) {
            stakes[i] = 20_000 * METIS;
        }
    }

    function idsUpTo(uint256 n) internal pure returns (uint256[] memory ids) {
        ids = new uint256[](n);
        for (uint256 i = 0; i < n; ++i) {
            ids[i] = i + 1;
        }
    }

    // ---- batches ----

    /// @dev The next batch, up to block `last`, signed by `ids`.
    function draft(uint64 last, uint256[] memory ids) internal view returns (Draft memory made) {
        made.first = inbox.lastBlock() + 1;
        made.last = last;
        made.header = header(last, STAKE_BLOCK);
        made.data = abi.encodePacked("\x01 batch up to ", vm.toString(last));
        made.ids = ids;
        sign(made);
    }

    function header(uint64 number, uint64 stakeBlock) internal pure returns (bytes memory) {
        return TestHeaders.encode(
            TestHeaders.Content({number: number, epoch: 7, stakeBlock: stakeBlock, stateRoot: keccak256("state")})
        );
    }

    function sign(Draft memory made) internal view {
        made.signatures = signatures(made, digestOf(made, inbox.domainVersion()));
    }

    function digestOf(Draft memory made, uint256 version) internal view returns (bytes32) {
        bytes32 dataHash = keccak256(abi.encodePacked(bytes1(0x00), made.data));
        return digestOf(made, version, dataHash);
    }

    function digestOf(Draft memory made, uint256 version, bytes32 dataHash) internal view returns (bytes32) {
        bytes32 domain = Digests.domainSeparator(version, L2_CHAIN_ID, address(pool));
        return Digests.batch(domain, made.first, made.last, keccak256(made.header), dataHash);
    }

    function signatures(Draft memory made, bytes32 digest) internal pure returns (bytes memory joined) {
        for (uint256 i = 0; i < made.ids.length; ++i) {
            joined = bytes.concat(joined, signature(signerKey(made.ids[i]), digest));
        }
    }

    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function submit(Draft memory made) internal {
        vm.prank(submitter, submitter);
        inbox.submitBatch(made.first, made.last, made.header, made.data, made.ids, made.signatures);
    }

    /// @dev Expects `error` and submits.
    function refuse(Draft memory made, bytes memory error_) internal {
        vm.expectRevert(error_);
        submit(made);
    }

    // ---- the chain of the real engine ----

    function loadChain(uint256 size) internal view returns (string memory) {
        return vm.readFile(string.concat("test/fixtures/epochs_", vm.toString(size), ".json"));
    }

    function stakesOf(string memory chain) internal pure returns (uint256[] memory stakes) {
        stakes = chain.readUintArray(".stakes");
        for (uint256 i = 0; i < stakes.length; ++i) {
            stakes[i] *= METIS;
        }
    }

    /// @dev Batch `index` of the chain, signed by all.
    function chainDraft(string memory chain, uint256 index) internal view returns (Draft memory made) {
        string memory path = string.concat(".batches[", vm.toString(index), "]");
        made.first = uint64(chain.readUint(string.concat(path, ".first")));
        made.last = uint64(chain.readUint(string.concat(path, ".last")));
        made.header = chain.readBytes(string.concat(path, ".header"));
        made.data = "\x01 data of the chain";
        made.ids = idsUpTo(chain.readUint(".sequencers"));
        sign(made);
    }

    function readProof(string memory chain, string memory path, uint256 batch)
        internal
        pure
        returns (BatchProof memory)
    {
        return BatchProof({
            batch: batch,
            accountProof: chain.readBytesArray(string.concat(path, ".account")),
            storageProof: chain.readBytesArray(string.concat(path, ".storage"))
        });
    }

    function readRecord(string memory chain) internal pure returns (EpochRecord memory) {
        return abi.decode(chain.readBytes(".record"), (EpochRecord));
    }
}
