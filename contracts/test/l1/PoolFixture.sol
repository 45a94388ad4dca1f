// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";
import {LockingPool} from "../../src/l1/LockingPool.sol";
import {MetisToken} from "../../src/l1/MetisToken.sol";
import {NetworkParameters} from "../../src/l1/NetworkParameters.sol";
import {ParameterKeys} from "../../src/l1/ParameterKeys.sol";
import {ILockingPool} from "../../src/l1/interfaces/ILockingPool.sol";

/// @dev A pool as it is deployed, with default parameters, and operators named by a word.
abstract contract PoolFixture is Test {
    uint256 internal constant METIS = 1e18;
    uint256 internal constant L2_CHAIN_ID = 59_902;
    uint256 internal constant BLOCK_TIME = 12;

    MetisToken internal token;
    NetworkParameters internal parameters;
    LockingPool internal pool;
    address internal governance = makeAddr("governance");
    address internal slasher = makeAddr("slasher");
    address internal settlement = makeAddr("settlement");
    address internal stranger = makeAddr("stranger");

    function setUp() public virtual {
        vm.roll(1_000);
        vm.warp(1_800_000_000);
        token = new MetisToken(address(this), 10_000_000 * METIS);
        parameters = NetworkParameters(
            address(
                new ERC1967Proxy(
                    address(new NetworkParameters()),
                    abi.encodeCall(NetworkParameters.initialize, (governance, new bytes32[](0), new uint256[](0)))
                )
            )
        );
        pool = newPool(address(token));
        mine(1);
    }

    function newPool(address metis) internal returns (LockingPool made) {
        made = LockingPool(
            address(
                new ERC1967Proxy(
                    address(new LockingPool()),
                    abi.encodeCall(
                        LockingPool.initialize, (governance, metis, address(parameters), L2_CHAIN_ID, false)
                    )
                )
            )
        );
        vm.startPrank(governance);
        made.setSlasher(slasher);
        made.setSettlement(settlement);
        vm.stopPrank();
    }

    // ---- time ----

    function mine(uint256 blocks) internal {
        vm.roll(vm.getBlockNumber() + blocks);
        vm.warp(vm.getBlockTimestamp() + blocks * BLOCK_TIME);
    }

    /// @dev Seconds pass, in whole blocks.
    function pass(uint256 time) internal {
        mine((time + BLOCK_TIME - 1) / BLOCK_TIME);
    }

    // ---- keys ----

    function ownerOf(string memory name) internal returns (address) {
        return makeAddr(string.concat(name, " owner"));
    }

    function keyOf(string memory name) internal returns (Vm.Wallet memory) {
        return vm.createWallet(string.concat(name, " key"));
    }

    /// @dev Public key and proof of possession, as `lockFor` wants them.
    function provenKey(LockingPool to, Vm.Wallet memory key, address owner) internal returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, to.signerProofDigest(owner));
        return abi.encodePacked(key.publicKeyX, key.publicKeyY, r, s, v);
    }

    function provenKey(Vm.Wallet memory key, address owner) internal returns (bytes memory) {
        return provenKey(pool, key, owner);
    }

    // ---- operators ----

    function fundOwner(LockingPool to, address owner, uint256 amount) internal {
        token.transfer(owner, amount);
        vm.prank(owner);
        token.approve(address(to), amount);
    }

    /// @dev Locks for `name`; pending.
    function lock(string memory name, uint256 amount) internal returns (uint256 id) {
        address owner = ownerOf(name);
        Vm.Wallet memory key = keyOf(name);
        fundOwner(pool, owner, amount);
        bytes memory proven = provenKey(key, owner);
        vm.prank(owner);
        id = pool.lockFor(key.addr, amount, proven);
    }

    /// @dev Locks for `name`, waits and activates.
    function seat(string memory name, uint256 amount) internal returns (uint256 id) {
        id = lock(name, amount);
        pass(parameters.get(ParameterKeys.ACTIVATION_DELAY));
        pool.activate(id, 0);
    }

    function setParameter(bytes32 key, uint256 value) internal {
        vm.prank(governance);
        parameters.set(key, value);
    }

    function slash(uint256 id, uint256 fraction, address reporter, bool tombstone)
        internal
        returns (uint256 slashed, uint256 rewarded)
    {
        vm.prank(slasher);
        return pool.slash(id, fraction, reporter, tombstone);
    }

    function credit(uint256 id, uint256 amount) internal {
        (uint256[] memory ids, uint256[] memory amounts) = one(id, amount);
        vm.prank(settlement);
        pool.creditRewards(ids, amounts);
    }

    function fundRewards(uint256 amount) internal {
        token.approve(address(pool), amount);
        pool.fundRewards(amount);
    }

    function one(uint256 id, uint256 amount) internal pure returns (uint256[] memory ids, uint256[] memory amounts) {
        ids = new uint256[](1);
        amounts = new uint256[](1);
        ids[0] = id;
        amounts[0] = amount;
    }

    // ---- what must always hold ----

    function get(uint256 id) internal view returns (ILockingPool.Sequencer memory) {
        return pool.sequencers(id);
    }

    function assertStatus(uint256 id, ILockingPool.Status status) internal view {
        assertEq(uint8(get(id).status), uint8(status), "status");
    }

    function assertBooksBalance() internal view {
        assertEq(
            token.balanceOf(address(pool)),
            pool.totalLocked() + pool.totalUnbonding() + pool.rewardFund(),
            "tokens held are stake, unbonding stake and reward fund"
        );
    }
}
