// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILockingPool} from "../interfaces/ILockingPool.sol";
import {Stake} from "./Stake.sol";

/// @title Rewards
/// @notice What sequencers are owed, by id, and the fund that pays it.
/// @dev Credits are debts of the pool and need no money at hand; claims pay as far as the fund reaches.
/// Stake never pays rewards and rewards never pay stake.
abstract contract Rewards is Stake {
    using SafeERC20 for IERC20;

    /// @inheritdoc ILockingPool
    function creditRewards(uint256[] calldata ids, uint256[] calldata amounts) external {
        _requireSettlement(ids.length, amounts.length);
        Pool storage pool = _pool();
        uint256 sum = 0;
        for (uint256 i = 0; i < ids.length; ++i) {
            Record storage record = pool.records[ids[i]];
            if (record.status == Status.Unavailable) continue;
            record.owed += amounts[i];
            sum += amounts[i];
            emit RewardCredited(ids[i], amounts[i], record.owed);
        }
        pool.totalOwed += sum;
    }

    /// @inheritdoc ILockingPool
    function fine(uint256[] calldata ids, uint256[] calldata amounts) external {
        _requireSettlement(ids.length, amounts.length);
        Pool storage pool = _pool();
        uint256 sum = 0;
        for (uint256 i = 0; i < ids.length; ++i) {
            Record storage record = pool.records[ids[i]];
            uint256 taken = Math.min(amounts[i], record.owed);
            if (taken == 0) continue;
            record.owed -= taken;
            sum += taken;
            emit Fined(ids[i], taken, record.owed);
        }
        pool.totalOwed -= sum;
    }

    /// @inheritdoc ILockingPool
    function fundRewards(uint256 amount) external {
        if (amount == 0) revert ZeroAmount();
        Pool storage pool = _pool();
        pool.rewardFund += amount;
        emit RewardsFunded(msg.sender, amount, pool.rewardFund);
        pool.token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc ILockingPool
    function withdrawRewards(uint256 sequencerId) external returns (uint256 paid) {
        Record storage record = _ownRecord(sequencerId);
        if (record.owed == 0) revert NoRewards(sequencerId);
        paid = _takeReward(record, type(uint256).max);
        if (paid == 0) revert RewardFundEmpty(sequencerId, record.owed);
        address recipient = record.rewardRecipient == address(0) ? msg.sender : record.rewardRecipient;
        emit ClaimRewards(sequencerId, recipient, paid, record.owed);
        _pool().token.safeTransfer(recipient, paid);
    }

    /// @inheritdoc ILockingPool
    function setSequencerRewardRecipient(uint256 sequencerId, address recipient) external {
        Record storage record = _ownRecord(sequencerId);
        if (recipient == address(this)) revert PoolIsNoRecipient();
        record.rewardRecipient = recipient;
        emit SequencerRewardRecipientChanged(sequencerId, recipient);
    }

    /// @inheritdoc Stake
    function _takeReward(Record storage record, uint256 most) internal override returns (uint256 taken) {
        Pool storage pool = _pool();
        taken = Math.min(most, Math.min(record.owed, pool.rewardFund));
        record.owed -= taken;
        pool.totalOwed -= taken;
        pool.rewardFund -= taken;
    }

    function _requireSettlement(uint256 ids, uint256 amounts) private view {
        if (msg.sender != _pool().settlement) revert NotSettlement(msg.sender);
        if (ids != amounts) revert LengthMismatch(ids, amounts);
    }
}
