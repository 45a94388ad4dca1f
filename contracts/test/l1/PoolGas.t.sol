// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {SequencerGovernor} from "../../src/l1/SequencerGovernor.sol";
import {INetworkParameters} from "../../src/l1/interfaces/INetworkParameters.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @dev What each action costs as a transaction of its own, intrinsic gas included: one figure per action
/// in contracts/snapshots/, which docs/contracts.md shows. Each call here is a transaction (isolation).
/// forge-config: default.isolate = true
contract PoolGasTest is PoolFixture {
    string internal constant GROUP = "LockingPool";
    uint256 internal constant MIN = 20_000 * METIS;
    uint256 internal constant MAX = 100_000 * METIS;

    function note(string memory action) internal {
        vm.snapshotGasLastCall(GROUP, action);
    }

    function test_Gas_Owner() public {
        seat("neighbour", MIN);
        address owner = ownerOf("a");
        address signer = keyOf("a").addr;
        bytes memory proven = provenKey(keyOf("a"), owner);
        token.transfer(owner, MAX);
        vm.prank(owner);
        token.approve(address(pool), MAX);
        note("approve (METIS)");
        vm.prank(owner);
        uint256 id = pool.lockFor(signer, MIN, proven);
        note("lockFor");
        pass(1 days);
        pool.activate(id, 0);
        note("activate, free seat");
        mine(1);
        vm.prank(owner);
        pool.relock(id, 1_000 * METIS, false);
        note("relock");
        credit(id, 50 * METIS);
        fundRewards(40 * METIS);
        mine(1);
        vm.prank(owner);
        pool.relock(id, 0, true);
        note("relock of rewards only");
        mine(1);
        vm.prank(owner);
        pool.withdraw(id, 500 * METIS);
        note("withdraw");
        fundRewards(5 * METIS);
        vm.prank(owner);
        pool.withdrawRewards(id);
        note("withdrawRewards");
        vm.prank(owner);
        pool.setSequencerRewardRecipient(id, stranger);
        note("setSequencerRewardRecipient");
        proven = provenKey(keyOf("a2"), owner);
        mine(1);
        vm.prank(owner);
        pool.updateSigner(id, proven);
        note("updateSigner");
        vm.prank(owner);
        pool.delegate(stranger);
        note("delegate");
        address next = ownerOf("next");
        vm.prank(owner);
        pool.setSequencerOwner(id, next);
        note("setSequencerOwner");
        mine(1);
        vm.prank(next);
        pool.acceptSequencerOwner(id);
        note("acceptSequencerOwner");
        mine(1);
        vm.prank(next);
        pool.unlock(id);
        note("unlock");
        pass(21 days);
        vm.prank(next);
        pool.unlockClaim(id);
        note("unlockClaim, 2 parts");
    }

    function test_Gas_FullQueue() public {
        uint256 id = seat("a", MAX);
        for (uint256 i = 0; i < 7; ++i) {
            mine(1);
            vm.prank(ownerOf("a"));
            pool.withdraw(id, METIS);
        }
        vm.prank(ownerOf("a"));
        pool.unlock(id);
        mine(1);
        vm.prank(slasher);
        pool.slash(id, 500, stranger, false);
        note("slash, 8 parts unbonding");
        pass(21 days);
        vm.prank(ownerOf("a"));
        pool.unlockClaim(id);
        note("unlockClaim, 8 parts");
    }

    function test_Gas_SeatsAndDiscipline() public {
        setParameter(ParameterKeys.MAX_SEQUENCERS, 1);
        uint256 low = seat("low", MIN);
        uint256 high = lock("high", 2 * MIN);
        pass(1 days);
        pool.activate(high, low);
        note("activate, replacing");
        setParameter(ParameterKeys.MAX_LOCK, MIN + METIS);
        mine(1);
        pool.poke(high);
        note("poke");
        mine(1);
        vm.prank(slasher);
        pool.slash(high, 500, stranger, false);
        note("slash");
        pass(7 days);
        vm.prank(ownerOf("high"));
        pool.unjail(high);
        note("unjail");
        vm.prank(governance);
        pool.forceUnlock(high);
        note("forceUnlock");
    }

    function test_Gas_Settlement() public {
        uint256[] memory ids = new uint256[](32);
        uint256[] memory amounts = new uint256[](32);
        for (uint256 i = 0; i < 32; ++i) {
            ids[i] = lock(string.concat("s", vm.toString(i)), MIN);
            amounts[i] = METIS;
        }
        vm.prank(settlement);
        pool.creditRewards(ids, amounts);
        note("creditRewards, 32 new debts");
        vm.prank(settlement);
        pool.creditRewards(ids, amounts);
        note("creditRewards, 32 debts grow");
        for (uint256 i = 0; i < 32; ++i) {
            amounts[i] = METIS / 2;
        }
        vm.prank(settlement);
        pool.fine(ids, amounts);
        note("fine, 32");
        token.approve(address(pool), METIS);
        pool.fundRewards(METIS);
        note("fundRewards");
    }

    function test_Gas_Governance() public {
        address[] memory open = new address[](1);
        TimelockController timelock = new TimelockController(2 days, new address[](0), open, address(this));
        SequencerGovernor governor = new SequencerGovernor(pool, timelock, 10, 100, 20_000 gwei, 40);
        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governor));
        vm.prank(governance);
        parameters.transferOwnership(address(timelock));
        seat("a", MIN);
        mine(1);
        address[] memory targets = new address[](1);
        uint256[] memory values = new uint256[](1);
        bytes[] memory calls = new bytes[](1);
        (targets[0], calls[0]) =
            (address(parameters), abi.encodeCall(INetworkParameters.set, (ParameterKeys.JAIL_TERM, 1 days)));
        vm.prank(ownerOf("a"));
        uint256 proposal = governor.propose(targets, values, calls, "a change");
        note("propose");
        mine(11);
        vm.prank(ownerOf("a"));
        governor.castVote(proposal, 1);
        note("castVote");
        mine(101);
        governor.queue(targets, values, calls, keccak256("a change"));
        note("queue");
        pass(2 days);
        governor.execute(targets, values, calls, keccak256("a change"));
        note("execute, one parameter");
    }
}
