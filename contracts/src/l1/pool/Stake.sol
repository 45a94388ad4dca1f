// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILockingPool} from "../interfaces/ILockingPool.sol";
import {ParameterKeys} from "../ParameterKeys.sol";
import {Seats} from "./Seats.sol";

/// @title Stake
/// @notice How stake comes in and goes out. Only the owner of a sequencer moves it.
/// @dev Neither pause nor whitelist is asked on any way out.
abstract contract Stake is Seats {
    using SafeERC20 for IERC20;

    /// @notice Parts of one stake that may unbond at once; the last place is kept for `unlock`.
    uint256 public constant MAX_UNBONDINGS = 8;

    /// @inheritdoc ILockingPool
    function lockFor(address signer, uint256 amount, bytes calldata signerPubkey) external returns (uint256) {
        return _lock(signer, address(0), amount, signerPubkey);
    }

    /// @inheritdoc ILockingPool
    function lockWithRewardRecipient(
        address signer,
        address rewardRecipient,
        uint256 amount,
        bytes calldata signerPubkey
    ) external returns (uint256) {
        return _lock(signer, rewardRecipient, amount, signerPubkey);
    }

    /// @inheritdoc ILockingPool
    function relock(uint256 sequencerId, uint256 amount, bool lockReward) external whenNotPaused {
        Record storage record = _ownRecord(sequencerId);
        _requireStaked(sequencerId, record);
        if (record.tombstoned) revert IsTombstoned(sequencerId);
        _requireWhitelisted(msg.sender);
        uint256 most = _parameter(ParameterKeys.MAX_LOCK);
        uint256 total = record.locked + amount;
        if (amount != 0 && total > most) revert AboveMaxLock(total, most);
        uint256 reward = lockReward && total < most ? _takeReward(record, most - total) : 0;
        if (amount + reward == 0) revert ZeroAmount();
        record.locked = uint128(total + reward);
        _pool().totalLocked += amount + reward;
        emit Relocked(sequencerId, amount, reward, total + reward);
        _writeSeat(sequencerId, record);
        if (amount != 0) _pool().token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc ILockingPool
    function withdraw(uint256 sequencerId, uint256 amount) external {
        Record storage record = _ownRecord(sequencerId);
        _requireStaked(sequencerId, record);
        if (amount == 0) revert ZeroAmount();
        if (amount > record.locked) revert InsufficientStake(amount, record.locked);
        uint256 rest = record.locked - amount;
        uint256 least = _parameter(ParameterKeys.MIN_LOCK);
        if (rest < least) revert BelowMinLock(rest, least);
        if (record.queue.length >= MAX_UNBONDINGS - 1) revert TooManyUnbondings(sequencerId, MAX_UNBONDINGS - 1);
        uint64 claimableAt = _unbond(record, amount);
        emit Withdraw(sequencerId, amount, rest, claimableAt);
        _writeSeat(sequencerId, record);
    }

    /// @inheritdoc ILockingPool
    function unlock(uint256 sequencerId) external {
        _unlock(sequencerId, _ownRecord(sequencerId), false);
    }

    /// @inheritdoc ILockingPool
    function forceUnlock(uint256 sequencerId) external onlyOwner {
        _unlock(sequencerId, _record(sequencerId), true);
    }

    /// @inheritdoc ILockingPool
    function unlockClaim(uint256 sequencerId) external returns (uint256 paid) {
        Record storage record = _ownRecord(sequencerId);
        paid = _takeMatured(sequencerId, record);
        record.unbonding -= uint128(paid);
        Pool storage pool = _pool();
        pool.totalUnbonding -= paid;
        if (record.status == Status.Inactive && record.queue.length == 0) {
            record.status = Status.Unlocked;
            record.pendingOwner = address(0);
            delete pool.owners[msg.sender];
        }
        emit Unlocked(msg.sender, sequencerId, paid, record.locked + record.unbonding);
        _emitStake(sequencerId, record);
        pool.token.safeTransfer(msg.sender, paid);
    }

    /// @dev Takes up to `most` of what is owed and funded; the caller decides where it goes.
    function _takeReward(Record storage record, uint256 most) internal virtual returns (uint256 taken);

    function _requireStaked(uint256 sequencerId, Record storage record) internal view {
        Status status = record.status;
        if (status != Status.Active && status != Status.Pending) revert WrongStatus(sequencerId, status);
    }

    function _lock(address signer, address rewardRecipient, uint256 amount, bytes calldata signerPubkey)
        private
        whenNotPaused
        returns (uint256 sequencerId)
    {
        Pool storage pool = _pool();
        _requireWhitelisted(msg.sender);
        if (pool.owners[msg.sender] != 0) revert OwnsSequencer(msg.sender, pool.owners[msg.sender]);
        _requireWithinLimits(amount);
        if (rewardRecipient == address(this)) revert PoolIsNoRecipient();
        sequencerId = ++pool.sequencerCount;
        address bound = _bindSigner(sequencerId, msg.sender, signerPubkey);
        if (bound != signer) revert PubkeyMismatch(signer, bound);
        pool.owners[msg.sender] = sequencerId;
        pool.totalLocked += amount;
        Record storage record = pool.records[sequencerId];
        record.owner = msg.sender;
        record.status = Status.Pending;
        record.signer = signer;
        record.activatableAt = _after(ParameterKeys.ACTIVATION_DELAY);
        record.rewardRecipient = rewardRecipient;
        record.locked = uint128(amount);
        emit Locked(signer, sequencerId, msg.sender, amount, amount, _bare(signerPubkey));
        _writeSeat(sequencerId, record);
        pool.token.safeTransferFrom(msg.sender, address(this), amount);
    }

    function _requireWithinLimits(uint256 amount) private view {
        uint256 least = _parameter(ParameterKeys.MIN_LOCK);
        if (amount < least) revert BelowMinLock(amount, least);
        uint256 most = _parameter(ParameterKeys.MAX_LOCK);
        if (amount > most) revert AboveMaxLock(amount, most);
    }

    function _unlock(uint256 sequencerId, Record storage record, bool forced) private {
        _requireStaked(sequencerId, record);
        if (record.status == Status.Active) --_pool().seatsTaken;
        record.status = Status.Inactive;
        uint256 amount = record.locked;
        uint64 claimableAt = _unbond(record, amount);
        emit UnlockInit(record.owner, sequencerId, amount, claimableAt, forced);
        _writeSeat(sequencerId, record);
    }

    /// @dev Moves locked stake into the queue.
    function _unbond(Record storage record, uint256 amount) private returns (uint64 claimableAt) {
        Pool storage pool = _pool();
        claimableAt = _after(ParameterKeys.EXIT_DELAY);
        record.locked -= uint128(amount);
        record.unbonding += uint128(amount);
        pool.totalLocked -= amount;
        pool.totalUnbonding += amount;
        record.queue.push(Unbonding({amount: uint192(amount), claimableAt: claimableAt}));
    }

    /// @dev Drops what has matured from the queue (at most MAX_UNBONDINGS entries), keeping the order.
    function _takeMatured(uint256 sequencerId, Record storage record) private returns (uint256 paid) {
        Unbonding[] storage queue = record.queue;
        uint256 length = queue.length;
        uint256 kept = 0;
        uint256 nextAt = length == 0 ? 0 : type(uint64).max;
        for (uint256 i = 0; i < length; ++i) {
            Unbonding memory entry = queue[i];
            if (entry.claimableAt <= block.timestamp) {
                paid += entry.amount;
            } else {
                nextAt = Math.min(nextAt, entry.claimableAt);
                if (kept != i) queue[kept] = entry;
                ++kept;
            }
        }
        if (kept == length) revert NothingToClaim(sequencerId, uint64(nextAt));
        for (uint256 i = kept; i < length; ++i) {
            queue.pop();
        }
    }
}
