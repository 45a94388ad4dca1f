// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {ISequencerInbox} from "../../src/l1/interfaces/ISequencerInbox.sol";
import {SubmitterCost} from "../../src/lib/SubmitterCost.sol";
import {RollupFixture} from "./RollupFixture.sol";

/// @dev Takes no ether.
contract Purseless {
    function claim(ISequencerInbox inbox) external {
        inbox.claimCredit(payable(address(this)));
    }
}

/// @dev Submits two batches in one transaction.
contract Doubler {
    function forward(address to, bytes[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool success,) = to.call(calls[i]);
            require(success, "refused");
        }
    }
}

/// @dev Rule Q6 of docs/protocol/settlement.md.
contract SubmitterCreditsTest is RollupFixture {
    /// @dev As in SubmitterCredits.sol.
    bytes32 private constant CREDITS_STORAGE = 0x9893a1ea84335bb1e68e026256ad702235dad421e706e23e5c7126d4d04fdd00;

    function setUp() public override {
        super.setUp();
        seatSequencers(equalStakes(4));
        vm.fee(10 gwei);
        vm.txGasPrice(11 gwei);
        setParameter(ParameterKeys.SUBMIT_MARGIN, 0);
        setParameter(ParameterKeys.SUBMIT_CAP, 10 ether);
    }

    function test_TheCreditIsTheCostOfTheTransaction() public {
        (uint256 owed, uint256 real) = _creditAndCost();
        assertLe(owed, real, "nobody earns by submitting without a margin");
        assertGt(owed, real * 87 / 100, "a first batch also writes two new words");
    }

    function test_TheCreditOfALaterBatchIsTheCostOfItsTransaction() public {
        bytes32 owedSlot = keccak256(abi.encode(submitter, CREDITS_STORAGE));
        vm.store(address(inbox), owedSlot, bytes32(uint256(1)));
        vm.store(address(inbox), bytes32(uint256(CREDITS_STORAGE) + 1), bytes32(uint256(1)));
        (uint256 owed, uint256 real) = _creditAndCost();
        assertLe(owed, real);
        assertGt(owed, real * 96 / 100);
    }

    function test_TheMarginComesOnTop() public {
        uint256 bare = _creditOf(draft(10, idsUpTo(4)));
        setParameter(ParameterKeys.SUBMIT_MARGIN, 1_000);
        assertApproxEqRel(_creditOf(draft(10, idsUpTo(4))), bare * 110 / 100, 0.03e18);
    }

    function test_TheCapBoundsACredit() public {
        setParameter(ParameterKeys.SUBMIT_CAP, 1 gwei);
        submit(draft(10, idsUpTo(4)));
        assertEq(inbox.creditOf(submitter), 1 gwei);
    }

    function test_ATipAboveTwoGweiIsOnesOwn() public {
        vm.txGasPrice(12 gwei);
        uint256 fair = _creditOf(draft(10, idsUpTo(4)));
        vm.txGasPrice(100 gwei);
        assertEq(_creditOf(draft(10, idsUpTo(4))), fair);
        vm.txGasPrice(10 gwei);
        assertEq(_creditOf(draft(10, idsUpTo(4))), fair * 10 / 12);
    }

    function test_BlobsAreCredited() public {
        vm.txGasPrice(0); // what is left is the blobs
        assertEq(_creditOf(_blobDraft(1)), SubmitterCost.BLOB_GAS * block.blobbasefee);
        assertEq(_creditOf(_blobDraft(6)), 6 * SubmitterCost.BLOB_GAS * block.blobbasefee);
        assertGt(block.blobbasefee, 0);
    }

    function test_OnlyTheFirstBatchOfATransactionIsCredited() public {
        bytes[] memory calls = new bytes[](2);
        bytes32[] memory blobs = new bytes32[](1);
        blobs[0] = bytes32(uint256(1) << 248);
        vm.blobhashes(blobs);
        for (uint64 i = 0; i < 2; ++i) {
            Draft memory made = draft(10 * (i + 1), idsUpTo(4));
            made.first = 10 * i + 1;
            made.data = "";
            made.signatures = signatures(made, digestOf(made, 1, keccak256(abi.encodePacked(bytes1(0x01), blobs))));
            calls[i] = abi.encodeCall(
                inbox.submitBatch, (made.first, made.last, made.header, made.data, made.ids, made.signatures)
            );
        }
        Doubler doubler = new Doubler();
        vm.recordLogs();
        doubler.forward(address(inbox), calls);
        assertEq(inbox.batchCount(), 2);
        assertGt(inbox.creditOf(address(doubler)), 0);
        assertEq(_creditEvents(), 1);
    }

    function test_PaddingTheCallEarnsNothing() public {
        Draft memory made = draft(10, idsUpTo(4));
        uint256 plain = _creditOf(made);
        bytes memory call = bytes.concat(
            abi.encodeCall(
                inbox.submitBatch, (made.first, made.last, made.header, made.data, made.ids, made.signatures)
            ),
            new bytes(20_000)
        );
        vm.prank(submitter, submitter);
        (bool success,) = address(inbox).call(call);
        assertTrue(success);
        assertApproxEqRel(inbox.creditOf(submitter), plain, 0.01e18);
    }

    function test_Fault_AnUnfundedCreditStaysADebtAndBlocksNoBatch() public {
        submit(draft(10, idsUpTo(4)));
        uint256 owed = inbox.creditOf(submitter);
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.NothingToPay.selector, owed, 0));
        vm.prank(submitter);
        inbox.claimCredit(payable(submitter));
        submit(draft(20, idsUpTo(4)));
        assertEq(inbox.lastBlock(), 20);
        _fund(owed / 2);
        vm.prank(submitter);
        assertEq(inbox.claimCredit(payable(reporter)), owed / 2);
        assertEq(reporter.balance, owed / 2);
        assertEq(inbox.creditOf(submitter), owed - owed / 2);
        _fund(owed);
        vm.prank(submitter);
        inbox.claimCredit(payable(submitter));
        assertEq(inbox.creditOf(submitter), 0);
        assertEq(inbox.totalCredit(), 0);
        assertEq(address(inbox).balance, owed / 2);
    }

    function test_WhoIsOwedNothingIsPaidNothing() public {
        _fund(1 ether);
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.NothingToPay.selector, 0, 1 ether));
        vm.prank(stranger);
        inbox.claimCredit(payable(stranger));
    }

    function test_AReceiverThatRefusesKeepsItsCredit() public {
        submit(draft(10, idsUpTo(4)));
        uint256 owed = inbox.creditOf(submitter);
        _fund(owed);
        Purseless purseless = new Purseless();
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.PaymentRefused.selector, address(purseless)));
        vm.prank(submitter);
        inbox.claimCredit(payable(address(purseless)));
        assertEq(inbox.creditOf(submitter), owed);
    }

    function test_ParametersThatCantBeReadCostTheCreditNotTheBatch() public {
        Draft memory made = draft(10, idsUpTo(4));
        bytes memory cap = abi.encodeWithSignature("get(bytes32)", ParameterKeys.SUBMIT_CAP);
        vm.mockCallRevert(address(parameters), cap, "gone");
        submit(made);
        assertEq(inbox.lastBlock(), 10);
        assertEq(inbox.creditOf(submitter), 0);
    }

    // ---- parts ----

    function _creditAndCost() private returns (uint256 owed, uint256 real) {
        Draft memory made = _bulky(10, 2_000);
        submit(made);
        real = _transactionGas(made, vm.lastCallGas().gasTotalUsed) * 11 gwei;
        owed = inbox.creditOf(submitter);
    }

    function _bulky(uint64 last, uint256 size) private view returns (Draft memory made) {
        made = draft(last, idsUpTo(4));
        bytes memory data = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            data[i] = bytes1(uint8(1 + i % 255));
        }
        made.data = data;
        sign(made);
    }

    /// @dev What the transaction would use whose call used `measured` (EIP-2028, EIP-7623).
    function _transactionGas(Draft memory made, uint256 measured) private view returns (uint256) {
        bytes memory call = abi.encodeCall(
            inbox.submitBatch, (made.first, made.last, made.header, made.data, made.ids, made.signatures)
        );
        uint256 tokens = 0;
        for (uint256 i = 0; i < call.length; ++i) {
            tokens += call[i] == 0 ? 1 : 4;
        }
        return 21_000 + (measured + 4 * tokens > 10 * tokens ? measured + 4 * tokens : 10 * tokens);
    }

    /// @dev As if it were a transaction of its own; nothing stays.
    function _creditOf(Draft memory made) private returns (uint256 credit_) {
        uint256 snapshot = vm.snapshotState();
        submit(made);
        credit_ = inbox.creditOf(submitter);
        vm.revertToState(snapshot);
    }

    function _blobDraft(uint256 n) private returns (Draft memory made) {
        made = draft(10, idsUpTo(4));
        made.data = "";
        bytes32[] memory blobs = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            blobs[i] = bytes32((uint256(1) << 248) | i);
        }
        made.signatures = signatures(made, digestOf(made, 1, keccak256(abi.encodePacked(bytes1(0x01), blobs))));
        vm.blobhashes(blobs);
    }

    function _creditEvents() private returns (uint256 events) {
        bytes32 topic = keccak256("SubmitterCredited(address,uint256,uint256)");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == topic) ++events;
        }
    }

    function _fund(uint256 amount) private {
        vm.deal(stranger, amount);
        vm.prank(stranger);
        (bool success,) = address(inbox).call{value: amount}("");
        assertTrue(success);
    }
}
