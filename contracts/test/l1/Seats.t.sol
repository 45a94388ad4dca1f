// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {VotesUpgradeable} from "@openzeppelin/contracts-upgradeable/governance/utils/VotesUpgradeable.sol";
import {Vm} from "forge-std/Vm.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @dev Power: who gets it, when, how much, and what the past says of it.
contract SeatsTest is PoolFixture {
    uint256 internal constant MIN = 20_000 * METIS;
    uint256 internal constant MAX = 100_000 * METIS;

    // ---- activation ----

    function test_AnybodyActivatesAfterTheDelay() public {
        uint256 id = lock("a", MIN);
        uint64 due = get(id).activatableAt;
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.ActivationTooEarly.selector, id, due));
        pool.activate(id, 0);
        vm.warp(due);
        vm.expectEmit(address(pool));
        emit ILockingPool.Activated(id, 0);
        vm.expectEmit(address(pool));
        emit ILockingPool.SeatChanged(id, keyOf("a").addr, uint64(MIN / 1 gwei), uint64(MIN / 1 gwei));
        vm.expectEmit(address(pool));
        emit ILockingPool.StakeChanged(id, ILockingPool.Status.Active, false, false, MIN, 0);
        vm.prank(stranger);
        pool.activate(id, 0);
        assertEq(pool.seatsTaken(), 1);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.WrongStatus.selector, id, ILockingPool.Status.Active));
        pool.activate(id, 0);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NoSuchSequencer.selector, 2));
        pool.activate(2, 0);
    }

    function test_AHigherStakeTakesTheSeatOfALower() public {
        setParameter(ParameterKeys.MAX_SEQUENCERS, 2);
        uint256 low = seat("low", MIN);
        uint256 high = seat("high", 2 * MIN);
        uint256 equal = lock("equal", MIN);
        uint256 middle = lock("middle", MIN + 1);
        pass(1 days);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NoFreeSeat.selector, 2, 2));
        pool.activate(middle, 0);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.StakeNotHigher.selector, equal, MIN, low, MIN));
        pool.activate(equal, low);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.StakeNotHigher.selector, middle, MIN + 1, high, 2 * MIN));
        pool.activate(middle, high);
        vm.expectRevert(
            abi.encodeWithSelector(ILockingPool.WrongStatus.selector, equal, ILockingPool.Status.Pending)
        );
        pool.activate(middle, equal);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NoSuchSequencer.selector, 9));
        pool.activate(middle, 9);
        vm.expectEmit(address(pool));
        emit ILockingPool.Activated(middle, low);
        pool.activate(middle, low);
        assertStatus(low, ILockingPool.Status.Pending);
        assertStatus(middle, ILockingPool.Status.Active);
        assertEq(get(low).power, 0);
        assertEq(get(low).activatableAt, block.timestamp + 1 days);
        assertEq(pool.seatsTaken(), 2);
        assertEq(pool.totalPower(), (3 * MIN + 1) / 1 gwei);
    }

    function test_AFreeSeatIsTakenBeforeThatOfAnother() public {
        uint256 low = seat("low", MIN);
        uint256 high = lock("high", MAX);
        pass(1 days);
        pool.activate(high, low);
        assertStatus(low, ILockingPool.Status.Active);
        assertEq(pool.seatsTaken(), 2);
    }

    function test_ActivationWantsTheLeastStakeOfToday() public {
        uint256 id = lock("a", MIN);
        pass(1 days);
        setParameter(ParameterKeys.MIN_LOCK, MIN + 1);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.BelowMinLock.selector, MIN, MIN + 1));
        pool.activate(id, 0);
        setParameter(ParameterKeys.MIN_LOCK, MIN);
        vm.prank(governance);
        pool.setWhitelistRequired(true);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NotWhitelisted.selector, ownerOf("a")));
        pool.activate(id, 0);
    }

    function test_SeatsAreVacatedOnlyWhileOverfull() public {
        uint256 a = seat("a", MIN);
        uint256 b = seat("b", MIN);
        vm.startPrank(governance);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.SeatsNotOverfull.selector, 2, 32));
        pool.vacate(a);
        parameters.set(ParameterKeys.MAX_SEQUENCERS, 1);
        pool.vacate(a);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.WrongStatus.selector, a, ILockingPool.Status.Pending));
        pool.vacate(a);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.SeatsNotOverfull.selector, 1, 1));
        pool.vacate(b);
        vm.stopPrank();
        vm.expectRevert(
            abi.encodeWithSelector(OwnableUpgradeable.OwnableUnauthorizedAccount.selector, address(this))
        );
        pool.vacate(b);
        assertStatus(a, ILockingPool.Status.Pending);
        assertEq(pool.totalPower(), MIN / 1 gwei);
    }

    // ---- power ----

    function testFuzz_PowerIsStakeInGweiRoundedDown(uint256 amount) public {
        amount = bound(amount, MIN, MAX);
        uint256 id = seat("a", amount);
        assertEq(get(id).power, amount / 1 gwei);
        assertEq(pool.totalPower(), amount / 1 gwei);
        assertEq(pool.getVotes(ownerOf("a")), amount / 1 gwei);
    }

    function test_ANewMaxLockActsByPoke() public {
        uint256 id = seat("a", MAX);
        setParameter(ParameterKeys.MAX_LOCK, MAX / 2);
        assertEq(get(id).power, MAX / 1 gwei);
        vm.prank(stranger);
        pool.poke(id);
        assertEq(get(id).power, MAX / 2 / 1 gwei);
        assertEq(get(id).amount, MAX);
        vm.recordLogs();
        pool.poke(id);
        assertEq(vm.getRecordedLogs().length, 0, "nothing to say");
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.NoSuchSequencer.selector, 7));
        pool.poke(7);
    }

    // ---- the past ----

    function test_SeatAtTellsTheEndOfAPastBlock() public {
        uint256 locked = block.number;
        uint256 id = lock("a", MIN);
        address signer = keyOf("a").addr;
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.FutureLookup.selector, locked, locked));
        pool.seatAt(id, locked);
        vm.expectRevert(abi.encodeWithSelector(ILockingPool.FutureLookup.selector, locked, locked));
        pool.totalPowerAt(locked);
        pass(1 days);
        uint256 activated = block.number;
        pool.activate(id, 0);
        mine(5);
        uint256 withdrawn = block.number;
        fundOwner(pool, ownerOf("a"), 10 * METIS);
        vm.startPrank(ownerOf("a"));
        pool.relock(id, 10 * METIS, false);
        pool.withdraw(id, 4 * METIS); // the last word of this block
        vm.stopPrank();
        mine(1);
        assertSeat(id, locked - 1, address(0), 0);
        assertSeat(id, locked, signer, 0);
        assertSeat(id, activated - 1, signer, 0);
        assertSeat(id, activated, signer, MIN);
        assertSeat(id, withdrawn - 1, signer, MIN);
        assertSeat(id, withdrawn, signer, MIN + 6 * METIS);
        assertEq(pool.totalPowerAt(activated - 1), 0);
        assertEq(pool.totalPowerAt(withdrawn), (MIN + 6 * METIS) / 1 gwei);
    }

    function test_SeatAtTellsTheSignerOfThatBlock() public {
        uint256 id = seat("a", MIN);
        mine(3);
        uint256 rotated = block.number;
        Vm.Wallet memory key = keyOf("new");
        bytes memory proven = provenKey(key, ownerOf("a"));
        vm.prank(ownerOf("a"));
        pool.updateSigner(id, proven);
        mine(1);
        assertSeat(id, rotated - 1, keyOf("a").addr, MIN);
        assertSeat(id, rotated, key.addr, MIN);
    }

    // ---- votes ----

    function test_VotesCountForTheOwnerUnlessDelegated() public {
        uint256 id = seat("a", MIN);
        address owner = ownerOf("a");
        assertEq(pool.delegates(owner), owner);
        assertEq(pool.delegates(address(0)), address(0));
        assertEq(pool.getVotes(owner), MIN / 1 gwei);
        vm.prank(owner);
        pool.delegate(stranger);
        assertEq(pool.getVotes(owner), 0);
        assertEq(pool.getVotes(stranger), MIN / 1 gwei);
        vm.prank(owner);
        pool.delegate(address(0)); // back to itself, not lost
        assertEq(pool.getVotes(owner), MIN / 1 gwei);
        assertEq(pool.delegates(owner), owner);
        uint256 before = block.number;
        mine(1);
        vm.prank(owner);
        pool.unlock(id);
        mine(1);
        assertEq(pool.getPastVotes(owner, before), MIN / 1 gwei);
        assertEq(pool.getPastVotes(owner, block.number - 1), 0);
        assertEq(pool.getPastTotalSupply(before), MIN / 1 gwei);
        vm.expectRevert(
            abi.encodeWithSelector(VotesUpgradeable.ERC5805FutureLookup.selector, block.number, block.number)
        );
        pool.getPastVotes(owner, block.number);
        assertEq(pool.clock(), block.number);
        assertEq(pool.CLOCK_MODE(), "mode=blocknumber&from=default");
    }

    function test_VotesMoveWithTheOwner() public {
        uint256 id = seat("a", MIN);
        vm.prank(ownerOf("a"));
        pool.delegate(stranger);
        vm.prank(ownerOf("a"));
        pool.setSequencerOwner(id, ownerOf("b"));
        vm.prank(ownerOf("b"));
        pool.acceptSequencerOwner(id);
        assertEq(pool.getVotes(stranger), 0);
        assertEq(pool.getVotes(ownerOf("b")), MIN / 1 gwei);
        vm.prank(ownerOf("b"));
        pool.unlock(id);
        assertEq(pool.getVotes(ownerOf("b")), 0);
        assertEq(pool.totalPower(), 0);
    }

    function test_DelegationBySignatureIsInTheDomainOfTheL2() public {
        Vm.Wallet memory ownerKey = vm.createWallet("owner with a key");
        Vm.Wallet memory key = keyOf("a");
        fundOwner(pool, ownerKey.addr, MIN);
        bytes memory proven = provenKey(key, ownerKey.addr);
        vm.prank(ownerKey.addr);
        uint256 id = pool.lockFor(key.addr, MIN, proven);
        pass(1 days);
        pool.activate(id, 0);
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)"), stranger, 0, block.timestamp
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", pool.domainSeparator(), message));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(ownerKey, digest);
        pool.delegateBySig(stranger, 0, block.timestamp, v, r, s);
        assertEq(pool.getVotes(stranger), MIN / 1 gwei);
        (,,, uint256 chainId, address verifier,,) = pool.eip712Domain();
        assertEq(chainId, L2_CHAIN_ID);
        assertEq(verifier, address(pool));
    }

    function assertSeat(uint256 id, uint256 blockNumber, address signer, uint256 stake) internal view {
        (address foundSigner, uint64 foundPower) = pool.seatAt(id, blockNumber);
        assertEq(foundSigner, signer, "signer");
        assertEq(foundPower, stake / 1 gwei, "power");
    }
}
