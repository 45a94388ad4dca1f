// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {LockingPool} from "../../src/l1/LockingPool.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {SequencerGovernor} from "../../src/l1/SequencerGovernor.sol";
import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";
import {INetworkParameters} from "../../src/l1/interfaces/INetworkParameters.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @dev Sequencers govern through the timelock, and nobody else does.
contract SequencerGovernorTest is PoolFixture {
    uint256 internal constant STAKE = 50_000 * METIS;
    uint48 internal constant DELAY = 10;
    uint32 internal constant PERIOD = 100;
    uint256 internal constant TIMELOCK_DELAY = 2 days;

    SequencerGovernor internal governor;
    TimelockController internal timelock;

    function setUp() public override {
        super.setUp();
        address[] memory open = new address[](1);
        timelock = new TimelockController(TIMELOCK_DELAY, new address[](0), open, address(this));
        governor = new SequencerGovernor(pool, timelock, DELAY, PERIOD, 20_000 gwei, 40);
        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governor));
        timelock.grantRole(timelock.CANCELLER_ROLE(), address(governor));
        timelock.renounceRole(timelock.DEFAULT_ADMIN_ROLE(), address(this));
        vm.startPrank(governance);
        pool.transferOwnership(address(timelock));
        parameters.transferOwnership(address(timelock));
        vm.stopPrank();
    }

    function test_SequencersChangeAParameterThroughTheTimelock() public {
        seat("a", STAKE);
        seat("b", STAKE);
        mine(1);
        Proposal memory change =
            proposal(address(parameters), abi.encodeCall(INetworkParameters.set, (ParameterKeys.EPOCH_LENGTH, 300)));
        uint256 id = propose("a", change);
        mine(DELAY + 1);
        vm.prank(ownerOf("a"));
        governor.castVote(id, 1);
        vm.prank(ownerOf("b"));
        governor.castVote(id, 1);
        mine(PERIOD);
        governor.queue(change.targets, change.values, change.calls, change.hash);
        vm.expectRevert();
        governor.execute(change.targets, change.values, change.calls, change.hash);
        pass(TIMELOCK_DELAY);
        vm.prank(stranger);
        governor.execute(change.targets, change.values, change.calls, change.hash);
        assertEq(parameters.get(ParameterKeys.EPOCH_LENGTH), 300);
        assertEq(uint8(governor.state(id)), uint8(IGovernor.ProposalState.Executed));
    }

    function test_WeightIsPowerOfTheBlockThatTheProposalNames() public {
        uint256 a = seat("a", STAKE);
        mine(1);
        Proposal memory change = proposal(address(pool), abi.encodeCall(ILockingPool.setPause, (true)));
        uint256 id = propose("a", change);
        mine(DELAY + 1);
        seat("late", 2 * STAKE); // a day and many blocks too late
        uint256 snapshot = governor.proposalSnapshot(id);
        assertEq(governor.getVotes(ownerOf("late"), snapshot), 0);
        assertEq(governor.getVotes(ownerOf("a"), snapshot), STAKE / 1 gwei);
        assertEq(governor.quorum(snapshot), STAKE * 40 / 100 / 1 gwei);
        vm.prank(ownerOf("a"));
        pool.unlock(a);
        assertEq(governor.getVotes(ownerOf("a"), snapshot), STAKE / 1 gwei);
    }

    function test_LessThanTheQuorumDecidesNothing() public {
        seat("a", 20_000 * METIS);
        seat("b", STAKE);
        mine(1);
        Proposal memory change = proposal(address(pool), abi.encodeCall(ILockingPool.setPause, (true)));
        uint256 id = propose("a", change);
        mine(DELAY + 1);
        vm.prank(ownerOf("a"));
        governor.castVote(id, 1);
        mine(PERIOD);
        assertEq(uint8(governor.state(id)), uint8(IGovernor.ProposalState.Defeated));
        vm.expectRevert();
        governor.queue(change.targets, change.values, change.calls, change.hash);
        assertFalse(pool.paused());
    }

    function test_WhoHasNoPowerProposesNothing() public {
        lock("pending", STAKE);
        seat("a", STAKE);
        mine(1);
        Proposal memory change = proposal(address(pool), abi.encodeCall(ILockingPool.setPause, (true)));
        address pending = ownerOf("pending");
        vm.expectRevert(
            abi.encodeWithSelector(
                IGovernor.GovernorInsufficientProposerVotes.selector, pending, 0, 20_000 gwei
            )
        );
        vm.prank(pending);
        governor.propose(change.targets, change.values, change.calls, change.description);
    }

    function test_GovernanceUpgradesThePoolAndStateStays() public {
        uint256 a = seat("a", STAKE);
        mine(1);
        Proposal memory change = proposal(
            address(pool), abi.encodeCall(pool.upgradeToAndCall, (address(new LockingPool()), ""))
        );
        pushThrough("a", change);
        assertEq(get(a).amount, STAKE);
        assertEq(pool.totalPower(), STAKE / 1 gwei);
    }

    function test_NobodyElseGoverns() public {
        address newCode = address(new LockingPool());
        address[3] memory callers = [stranger, governance, address(governor)];
        for (uint256 i = 0; i < callers.length; ++i) {
            bytes memory reason =
                abi.encodeWithSelector(OwnableUpgradeable.OwnableUnauthorizedAccount.selector, callers[i]);
            vm.startPrank(callers[i]);
            vm.expectRevert(reason);
            pool.upgradeToAndCall(newCode, "");
            vm.expectRevert(reason);
            pool.setPause(true);
            vm.expectRevert(reason);
            pool.setWhitelist(stranger, true);
            vm.expectRevert(reason);
            pool.setWhitelistRequired(true);
            vm.expectRevert(reason);
            pool.setSlasher(stranger);
            vm.expectRevert(reason);
            pool.setSettlement(stranger);
            vm.expectRevert(reason);
            pool.forceUnlock(1);
            vm.expectRevert(reason);
            pool.transferOwnership(stranger);
            vm.stopPrank();
        }
    }

    function test_TheOwnerCantBeLostNorTheCodeSetUpTwice() public {
        LockingPool code = new LockingPool();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        code.initialize(stranger, address(token), address(parameters), 1, false);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        pool.initialize(stranger, address(token), address(parameters), 1, false);
        vm.startPrank(address(timelock));
        vm.expectRevert(ILockingPool.OwnerIsNeeded.selector);
        pool.renounceOwnership();
        vm.expectRevert(ILockingPool.ZeroAddress.selector);
        pool.setSlasher(address(0));
        vm.expectRevert(ILockingPool.ZeroAddress.selector);
        pool.setSettlement(address(0));
    }

    // ---- a proposal of one call ----

    struct Proposal {
        address[] targets;
        uint256[] values;
        bytes[] calls;
        string description;
        bytes32 hash;
    }

    function proposal(address target, bytes memory call) internal pure returns (Proposal memory made) {
        made.targets = new address[](1);
        made.values = new uint256[](1);
        made.calls = new bytes[](1);
        made.targets[0] = target;
        made.calls[0] = call;
        made.description = "a change";
        made.hash = keccak256(bytes(made.description));
    }

    function propose(string memory name, Proposal memory change) internal returns (uint256) {
        vm.prank(ownerOf(name));
        return governor.propose(change.targets, change.values, change.calls, change.description);
    }

    function pushThrough(string memory name, Proposal memory change) internal {
        uint256 id = propose(name, change);
        mine(DELAY + 1);
        vm.prank(ownerOf(name));
        governor.castVote(id, 1);
        mine(PERIOD);
        governor.queue(change.targets, change.values, change.calls, change.hash);
        pass(TIMELOCK_DELAY);
        governor.execute(change.targets, change.values, change.calls, change.hash);
    }
}
