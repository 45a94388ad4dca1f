// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ILockingPool} from "../interfaces/ILockingPool.sol";
import {INetworkParameters} from "../interfaces/INetworkParameters.sol";

/// @title PoolStorage
/// @notice What the pool remembers, and the plain views of it.
/// @dev One ERC-7201 namespace. New fields go to the end of a struct, never between others.
abstract contract PoolStorage is ILockingPool, OwnableUpgradeable, PausableUpgradeable {
    /// @dev One sequencer.
    struct Record {
        address owner;
        Status status;
        bool jailed;
        bool tombstoned;
        uint64 power; // as checkpointed last
        address signer;
        uint64 activatableAt;
        address rewardRecipient;
        uint64 jailedUntil;
        address pendingOwner;
        uint128 locked;
        uint128 unbonding; // sum of the queue
        uint256 owed;
        Unbonding[] queue; // at most MAX_UNBONDINGS
        Checkpoints.Trace224 seats; // by L1 block: power << 160 | signer
    }

    /// @dev Everything else, and the records.
    /// @custom:storage-location erc7201:metis.storage.LockingPool
    struct Pool {
        IERC20 token;
        INetworkParameters parameters;
        address slasher;
        address settlement;
        bool whitelistRequired;
        uint256 l2ChainId;
        uint256 sequencerCount;
        uint256 seatsTaken;
        uint256 totalLocked;
        uint256 totalUnbonding;
        uint256 rewardFund;
        uint256 totalOwed;
        mapping(uint256 sequencerId => Record) records;
        mapping(address owner => uint256 sequencerId) owners;
        mapping(address signer => uint256 sequencerId) signers;
        mapping(address user => bool) whitelist;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("metis.storage.LockingPool")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant POOL_STORAGE = 0x9b12b4709daf69cc2f5d2cafc7577f63bad6588f93efc5016b29d0030c92a400;

    function _pool() internal pure returns (Pool storage pool) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            pool.slot := POOL_STORAGE
        }
    }

    /// @dev The record of a sequencer that exists.
    function _record(uint256 sequencerId) internal view returns (Record storage record) {
        record = _pool().records[sequencerId];
        if (record.status == Status.Unavailable) revert NoSuchSequencer(sequencerId);
    }

    /// @dev The record of a sequencer that the caller owns.
    function _ownRecord(uint256 sequencerId) internal view returns (Record storage record) {
        record = _record(sequencerId);
        if (msg.sender != record.owner) revert NotSequencerOwner(sequencerId, msg.sender);
    }

    function _parameter(bytes32 key) internal view returns (uint256) {
        return _pool().parameters.get(key);
    }

    /// @dev The moment `delayKey` seconds from now.
    function _after(bytes32 delayKey) internal view returns (uint64) {
        return uint64(block.timestamp + _parameter(delayKey));
    }

    function _requireWhitelisted(address user) internal view {
        Pool storage pool = _pool();
        if (pool.whitelistRequired && !pool.whitelist[user]) revert NotWhitelisted(user);
    }

    function _emitStake(uint256 sequencerId, Record storage record) internal {
        emit StakeChanged(
            sequencerId, record.status, record.jailed, record.tombstoned, record.locked, record.unbonding
        );
    }

    // ---- views ----

    /// @inheritdoc ILockingPool
    function sequencers(uint256 sequencerId) external view returns (Sequencer memory) {
        Record storage record = _pool().records[sequencerId];
        return Sequencer({
            amount: record.locked,
            reward: record.owed,
            unbonding: record.unbonding,
            status: record.status,
            jailed: record.jailed,
            tombstoned: record.tombstoned,
            jailedUntil: record.jailedUntil,
            activatableAt: record.activatableAt,
            power: record.power,
            owner: record.owner,
            pendingOwner: record.pendingOwner,
            signer: record.signer,
            rewardRecipient: record.rewardRecipient
        });
    }

    /// @inheritdoc ILockingPool
    function unbondings(uint256 sequencerId) external view returns (Unbonding[] memory) {
        return _pool().records[sequencerId].queue;
    }

    /// @inheritdoc ILockingPool
    function signerSequencer(address signer) external view returns (uint256) {
        return _pool().signers[signer];
    }

    /// @inheritdoc ILockingPool
    function seqOwners(address owner_) external view returns (uint256) {
        return _pool().owners[owner_];
    }

    /// @inheritdoc ILockingPool
    function sequencerCount() external view returns (uint256) {
        return _pool().sequencerCount;
    }

    /// @inheritdoc ILockingPool
    function seatsTaken() external view returns (uint256) {
        return _pool().seatsTaken;
    }

    /// @inheritdoc ILockingPool
    function totalLocked() external view returns (uint256) {
        return _pool().totalLocked;
    }

    /// @inheritdoc ILockingPool
    function totalUnbonding() external view returns (uint256) {
        return _pool().totalUnbonding;
    }

    /// @inheritdoc ILockingPool
    function rewardFund() external view returns (uint256) {
        return _pool().rewardFund;
    }

    /// @inheritdoc ILockingPool
    function totalOwed() external view returns (uint256) {
        return _pool().totalOwed;
    }

    /// @inheritdoc ILockingPool
    function whitelist(address user) external view returns (bool) {
        return _pool().whitelist[user];
    }

    /// @inheritdoc ILockingPool
    function whitelistRequired() external view returns (bool) {
        return _pool().whitelistRequired;
    }

    /// @inheritdoc ILockingPool
    function token() external view returns (address) {
        return address(_pool().token);
    }

    /// @inheritdoc ILockingPool
    function parameters() external view returns (address) {
        return address(_pool().parameters);
    }

    /// @inheritdoc ILockingPool
    function slasher() external view returns (address) {
        return _pool().slasher;
    }

    /// @inheritdoc ILockingPool
    function settlement() external view returns (address) {
        return _pool().settlement;
    }

    /// @inheritdoc ILockingPool
    function l2ChainId() external view returns (uint256) {
        return _pool().l2ChainId;
    }
}
