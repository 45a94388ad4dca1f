// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {ISequencerInbox} from "../../src/l1/interfaces/ISequencerInbox.sol";
import {InboxHandler} from "./InboxHandler.sol";
import {RollupFixture} from "./RollupFixture.sol";

/// @dev Whatever is submitted, while stake and keys change: what is accepted is contiguous and signed by
/// more than 2/3 of the power of its stake block, all else is refused.
/// forge-config: default.invariant.runs = 12
/// forge-config: default.invariant.depth = 96
/// forge-config: default.invariant.fail-on-revert = true
contract InboxInvariantsTest is RollupFixture {
    InboxHandler internal handler;

    function setUp() public override {
        super.setUp();
        uint256[] memory stakes = new uint256[](5);
        for (uint256 i = 0; i < 5; ++i) {
            stakes[i] = (20_000 + 9_000 * i) * METIS;
        }
        seatSequencers(stakes);
        handler = new InboxHandler(pool, inbox, parameters, governance);
        for (uint256 id = 1; id <= 5; ++id) {
            address owner = pool.sequencers(id).owner;
            token.transfer(owner, 500_000 * METIS);
            vm.prank(owner);
            token.approve(address(pool), type(uint256).max);
        }
        vm.txGasPrice(1 gwei);
        targetContract(address(handler));
    }

    function invariant_OnlyWhatAQuorumSignedIsAccepted() public view {
        assertEq(handler.fault(), "");
        assertEq(inbox.batchCount(), handler.accepted());
    }

    function invariant_BatchesAreInOrder() public view {
        uint256 count = inbox.batchCount();
        ISequencerInbox.Batch memory before;
        for (uint256 i = 0; i < count; ++i) {
            ISequencerInbox.Batch memory each = inbox.batch(i);
            assertGt(each.last, before.last);
            assertGe(each.stakeBlock, before.stakeBlock);
            assertGe(each.acceptedAt, before.acceptedAt);
            before = each;
        }
        assertEq(inbox.lastBlock(), before.last);
    }

    function invariant_CreditsAreBounded() public view {
        assertEq(inbox.totalCredit(), inbox.creditOf(address(0x5B)));
        assertLe(inbox.totalCredit(), inbox.batchCount() * parameters.get(ParameterKeys.SUBMIT_CAP));
        assertEq(inbox.domainVersion(), handler.restarts() + 1);
    }

    /// The handler is no idler: one long walk of it sees everything that matters, and all still holds.
    function test_AWalkReachesEverything() public {
        for (uint256 step = 0; step < 400; ++step) {
            uint256 dice = uint256(keccak256(abi.encode("inbox", step)));
            uint256 what = dice % 16;
            dice = dice / 16;
            if (what < 9) {
                handler.submit(
                    InboxHandler.Choice({
                        length: uint64(dice),
                        signers: what < 6 ? 31 - (1 << (dice % 7)) % 31 : dice >> 64,
                        back: dice >> 128,
                        twist: what < 3 ? 0 : dice >> 160
                    })
                );
            }
            if (what == 9 || what == 10) handler.pass(dice);
            if (what == 11) handler.rotate(dice);
            if (what == 12) handler.relock(dice, dice >> 8);
            if (what == 13) handler.withdraw(dice, dice >> 8);
            if (what == 14) handler.claim();
            if (what == 15 && step % 8 == 0) handler.restart(dice);
        }
        assertGt(handler.accepted(), 60, "accepted");
        assertGt(handler.refused(), 60, "refused");
        assertGt(handler.withoutQuorum(), 20, "without quorum");
        assertGt(handler.restarts(), 0, "restarts");
        invariant_OnlyWhatAQuorumSignedIsAccepted();
        invariant_BatchesAreInOrder();
        invariant_CreditsAreBounded();
    }
}
