// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {BatchProof} from "../../src/l1/interfaces/ISequencerInbox.sol";
import {ISlasher} from "../../src/l1/interfaces/ISlasher.sol";
import {Digests} from "../../src/lib/Digests.sol";
import {EpochRecord} from "../../src/lib/EpochRecord.sol";
import {RollupFixture} from "./RollupFixture.sol";

/// @dev What batches, settlements and reports cost as transactions of their own, intrinsic gas included,
/// blob gas not: contracts/snapshots/Rollup.json, shown in docs/contracts-gas.md. Each call here is a
/// transaction (isolation).
/// forge-config: default.isolate = true
contract RollupGasTest is RollupFixture {
    string internal constant GROUP = "Rollup";

    function note(string memory action) internal {
        vm.snapshotGasLastCall(GROUP, action);
    }

    function test_Gas_SubmitBatch4() public {
        _submitBatches(4, 4);
    }

    function test_Gas_SubmitBatch20() public {
        _submitBatches(20, 20);
    }

    function test_Gas_SubmitBatch22Of32() public {
        _submitBatches(32, 22);
    }

    function test_Gas_SubmitBatch50() public {
        _submitBatches(50, 50);
    }

    function test_Gas_SubmitBatch100() public {
        _submitBatches(100, 100);
    }

    function test_Gas_SettleEpoch4() public {
        _settle(4);
    }

    function test_Gas_SettleEpoch32() public {
        _settle(32);
    }

    function test_Gas_ReportEquivocation() public {
        string memory chain = loadChain(32);
        seatSequencers(stakesOf(chain));
        submit(chainDraft(chain, 0));
        submit(chainDraft(chain, 1));
        BatchProof memory proof = readProof(chain, ".entryProofs[0]", 1);
        ISlasher.Message memory a =
            ISlasher.Message({kind: 2, height: 30, round: 0, validRound: 0, blockHash: keccak256("a")});
        ISlasher.Message memory b =
            ISlasher.Message({kind: 2, height: 30, round: 0, validRound: 0, blockHash: keccak256("b")});
        bytes memory signatureA = signature(signerKey(2), _digest(a));
        bytes memory signatureB = signature(signerKey(2), _digest(b));
        vm.prank(reporter);
        court.reportEquivocation(a, signatureA, b, signatureB, 0, proof);
        note("reportEquivocation");
    }

    function test_Gas_Others() public {
        seatSequencers(equalStakes(4));
        pass(32 hours);
        inbox.recordTime();
        note("recordTime");
    }

    function _submitBatches(uint256 sequencers, uint256 signers) private {
        seatSequencers(equalStakes(sequencers));
        for (uint64 i = 1; i <= 2; ++i) {
            Draft memory made = draft(i * 100, idsUpTo(signers));
            made.data = hex"01"; // one byte stands for blobs, which isolation can't carry
            sign(made);
            submit(made);
        }
        note(
            string.concat("submitBatch, ", vm.toString(signers), " signers of ", vm.toString(sequencers))
        );
    }

    function _settle(uint256 sequencers) private {
        string memory chain = loadChain(sequencers);
        seatSequencers(stakesOf(chain));
        submit(chainDraft(chain, 0));
        submit(chainDraft(chain, 1));
        EpochRecord memory record = readRecord(chain);
        BatchProof memory proof = readProof(chain, ".recordProof", 1);
        settler.settleEpoch(0, record, proof);
        note(string.concat("settleEpoch, ", vm.toString(sequencers), " sequencers"));
    }

    function _digest(ISlasher.Message memory message) private view returns (bytes32) {
        bytes32 domain = Digests.domainSeparator(1, L2_CHAIN_ID, address(pool));
        return Digests.vote(domain, message.kind, message.height, message.round, message.blockHash);
    }
}
