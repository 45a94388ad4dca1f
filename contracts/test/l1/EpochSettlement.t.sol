// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";
import {EpochSettlement} from "../../src/l1/EpochSettlement.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {BatchProof, ISequencerInbox} from "../../src/l1/interfaces/ISequencerInbox.sol";
import {IEpochSettlement} from "../../src/l1/interfaces/IEpochSettlement.sol";
import {EpochRecord, EpochRecords, SequencerRecord} from "../../src/lib/EpochRecord.sol";
import {RollupFixture} from "./RollupFixture.sol";

/// @dev Epoch 0 of the real engine's chain (blocks 1 to 64) is settled; it closed with block 72, batches end
/// at 64 and 80.
contract EpochSettlementTest is RollupFixture {
    string internal chain;
    uint256 internal perBlock;
    uint256 internal perVote;
    uint256 internal perMiss;

    event EpochSettled(uint64 indexed epoch, uint64 stakeBlock, uint256 credited, uint256 fined);

    function setUp() public override {
        super.setUp();
        chain = loadChain(4);
        seatSequencers(stakesOf(chain));
        perBlock = parameters.get(ParameterKeys.REWARD_PER_BLOCK);
        perVote = parameters.get(ParameterKeys.REWARD_PER_VOTE);
        perMiss = parameters.get(ParameterKeys.VOTE_FINE);
        submit(chainDraft(chain, 0));
        submit(chainDraft(chain, 1));
    }

    // ---- what is settled ----

    function test_PaysAndFinesWhatTheRecordSays() public {
        EpochRecord memory record = readRecord(chain);
        assertEq(EpochRecords.hash(0, record), bytes32(_provenHash()));
        (uint256[] memory expected, uint256 credited, uint256 fined) = _expected(record);
        vm.expectEmit(address(settler));
        emit EpochSettled(0, STAKE_BLOCK, credited, fined);
        settler.settleEpoch(0, record, _proof());
        assertEq(settler.nextEpoch(), 1);
        for (uint256 i = 0; i < 4; ++i) {
            assertGt(expected[i], 0);
            assertEq(pool.sequencers(record.sequencers[i].id).reward, expected[i]);
        }
        assertEq(pool.totalOwed(), credited - fined);
        assertBooksBalance();
    }

    function test_StakeIsNeverTouched() public {
        uint256[4] memory before;
        for (uint256 id = 1; id <= 4; ++id) {
            before[id - 1] = pool.sequencers(id).amount;
        }
        settler.settleEpoch(0, readRecord(chain), _proof());
        for (uint256 id = 1; id <= 4; ++id) {
            assertEq(pool.sequencers(id).amount, before[id - 1]);
        }
    }

    function test_Fault_ARotatedKeyBlocksNobodysRewards() public {
        bytes memory proven = provenKey(vm.createWallet(0xFEED), sequencerOwner(2));
        vm.prank(sequencerOwner(2));
        pool.updateSigner(2, proven);
        mine(1);
        settler.settleEpoch(0, readRecord(chain), _proof());
        for (uint256 id = 1; id <= 4; ++id) {
            assertGt(pool.sequencers(id).reward, 0);
        }
    }

    function test_Fault_AnEmptyFundLeavesADebtAndBlocksNothing() public {
        assertEq(pool.rewardFund(), 0);
        settler.settleEpoch(0, readRecord(chain), _proof());
        uint256 owed = pool.sequencers(1).reward;
        assertGt(owed, 0);
        fundRewards(owed);
        vm.prank(sequencerOwner(1));
        assertEq(pool.withdrawRewards(1), owed);
    }

    function test_WhoLeftIsStillPaid() public {
        vm.prank(sequencerOwner(3));
        pool.unlock(3);
        pass(21 days);
        vm.prank(sequencerOwner(3));
        pool.unlockClaim(3);
        settler.settleEpoch(0, readRecord(chain), _proof());
        assertGt(pool.sequencers(3).reward, 0);
    }

    function test_ParametersAreThoseOfTheStakeBlock() public {
        (uint256[] memory expected,,) = _expected(readRecord(chain));
        setParameter(ParameterKeys.REWARD_PER_BLOCK, 0);
        setParameter(ParameterKeys.VOTE_FINE, 1e18);
        mine(1);
        settler.settleEpoch(0, readRecord(chain), _proof());
        assertEq(pool.sequencers(readRecord(chain).sequencers[0].id).reward, expected[0]);
    }

    function testFuzz_AnybodyMaySettle(address anybody) public {
        EpochRecord memory record = readRecord(chain);
        BatchProof memory proof = _proof();
        vm.prank(anybody);
        settler.settleEpoch(0, record, proof);
        assertEq(settler.nextEpoch(), 1);
    }

    function test_BatchesGoOnWithoutSettlement() public {
        Draft memory made = draft(100, idsUpTo(4));
        made.header = header(100, STAKE_BLOCK + 10);
        sign(made);
        submit(made);
        assertEq(settler.nextEpoch(), 0);
        settler.settleEpoch(0, readRecord(chain), _proof());
    }

    // ---- what is refused ----

    function test_EpochsAreSettledInOrderAndOnce() public {
        EpochRecord memory record = readRecord(chain);
        BatchProof memory proof = _proof();
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NotNextEpoch.selector, 1, 0));
        settler.settleEpoch(1, record, proof);
        settler.settleEpoch(0, record, proof);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NotNextEpoch.selector, 0, 1));
        settler.settleEpoch(0, record, proof);
    }

    function test_AnOpenEpochIsNotSettled() public {
        EpochRecord memory record = readRecord(chain);
        BatchProof memory proof = _proof();
        settler.settleEpoch(0, record, proof);
        vm.expectPartialRevert(TrieProof.TrieProofTraversalError.selector); // epoch 1 has no word there
        settler.settleEpoch(1, record, proof);
    }

    function test_ABatchFromBeforeTheRecordClosedProvesNothing() public {
        EpochRecord memory record = readRecord(chain);
        BatchProof memory proof = _proof();
        proof.batch = 0;
        vm.expectRevert(
            abi.encodeWithSelector(
                TrieProof.TrieProofTraversalError.selector, TrieProof.ProofError.INVALID_ROOT
            )
        );
        settler.settleEpoch(0, record, proof);
        proof.batch = 9;
        vm.expectRevert(abi.encodeWithSelector(ISequencerInbox.NoSuchBatch.selector, 9));
        settler.settleEpoch(0, record, proof);
    }

    function testFuzz_AnyChangeOfTheRecordIsRefused(uint256 which, uint256 who, uint64 change) public {
        EpochRecord memory record = readRecord(chain);
        bytes32 proven = EpochRecords.hash(0, record);
        change = uint64(bound(change, 1, type(uint32).max));
        SequencerRecord memory one = record.sequencers[who % 4];
        unchecked {
            which = which % 8;
            if (which == 0) one.id += change;
            else if (which == 1) one.blocksBuilt += uint32(change);
            else if (which == 2) one.turnsMissed += uint32(change);
            else if (which == 3) one.votesRecorded += uint32(change);
            else if (which == 4) one.blockPay += change;
            else if (which == 5) record.start += change;
            else if (which == 6) record.end += change;
            else record.stakeBlock += change;
        }
        BatchProof memory proof = _proof();
        bytes32 found = EpochRecords.hash(0, record);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WrongRecord.selector, found, proven));
        settler.settleEpoch(0, record, proof);
    }

    function test_ARecordWithoutOneSequencerIsRefused() public {
        EpochRecord memory record = readRecord(chain);
        SequencerRecord[] memory fewer = new SequencerRecord[](3);
        for (uint256 i = 0; i < 3; ++i) {
            fewer[i] = record.sequencers[i];
        }
        record.sequencers = fewer;
        BatchProof memory proof = _proof();
        vm.expectPartialRevert(IEpochSettlement.WrongRecord.selector);
        settler.settleEpoch(0, record, proof);
    }

    function test_OnlyTheOwnerUpgradesAndNobodyRenounces() public {
        address next = address(new EpochSettlement());
        vm.expectRevert(
            abi.encodeWithSelector(OwnableUpgradeable.OwnableUnauthorizedAccount.selector, address(this))
        );
        settler.upgradeToAndCall(next, "");
        vm.startPrank(governance);
        settler.upgradeToAndCall(next, "");
        vm.expectRevert(IEpochSettlement.OwnerIsNeeded.selector);
        settler.renounceOwnership();
        vm.stopPrank();
        vm.expectRevert(bytes4(keccak256("InvalidInitialization()")));
        settler.initialize(address(this), pool, inbox);
    }

    // ---- parts ----

    function _proof() private view returns (BatchProof memory) {
        return readProof(chain, ".recordProof", 1);
    }

    function _provenHash() private view returns (uint256) {
        return vm.parseUint(vm.parseJsonString(chain, ".recordProof.value"));
    }

    /// @dev The rules R1 to R5, written once more for four sequencers. Owed is credit less fine.
    function _expected(EpochRecord memory record)
        private
        view
        returns (uint256[] memory owed, uint256 credited, uint256 fined)
    {
        uint256 total = pool.totalPowerAt(STAKE_BLOCK);
        uint256 weighted = 0;
        owed = new uint256[](4);
        for (uint256 i = 0; i < 4; ++i) {
            weighted += uint256(record.sequencers[i].votesRecorded) * _power(record.sequencers[i].id);
        }
        uint256 factor = 10_000 + 3 * (10_000 - weighted * 10_000 / (64 * total));
        for (uint256 i = 0; i < 4; ++i) {
            SequencerRecord memory one = record.sequencers[i];
            uint256 power = _power(one.id);
            uint256 credit_ = perBlock * one.blockPay / 10_000 + perVote * one.votesRecorded * power / total;
            uint256 fine = perMiss * (64 - one.votesRecorded) * power * factor / (total * 10_000);
            owed[i] = credit_ - fine;
            credited += credit_;
            fined += fine;
        }
    }

    function _power(uint256 id) private view returns (uint256 power) {
        (, power) = pool.seatAt(id, STAKE_BLOCK);
    }
}
