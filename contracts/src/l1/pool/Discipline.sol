// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILockingPool} from "../interfaces/ILockingPool.sol";
import {ParameterKeys} from "../ParameterKeys.sol";
import {Rewards} from "./Rewards.sol";

/// @title Discipline
/// @notice What proven misbehaviour costs: a part of the stake, the seat, and time.
/// @dev What counts as proof is the slasher's business. Stake on its way out is cut like the rest until its
/// exit delay is over, whether claimed by then or not.
abstract contract Discipline is Rewards {
    using SafeERC20 for IERC20;

    uint256 private constant ONE_BPS = 10_000;
    /// @dev Where slashed stake goes if the token can't burn.
    address private constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;

    /// @inheritdoc ILockingPool
    function slash(uint256 sequencerId, uint256 fractionBps, address reporter, bool tombstone)
        external
        returns (uint256 slashed, uint256 rewarded)
    {
        if (msg.sender != _pool().slasher) revert NotSlasher(msg.sender);
        if (fractionBps > ONE_BPS) revert BadFraction(fractionBps);
        Record storage record = _record(sequencerId);
        slashed = _cut(record, fractionBps);
        rewarded = _reporterReward(reporter, slashed);
        emit Slashed(sequencerId, reporter, slashed, rewarded);
        _jail(sequencerId, record, tombstone);
        _writeSeat(sequencerId, record);
        if (rewarded != 0) _pool().token.safeTransfer(reporter, rewarded);
        _burn(slashed - rewarded);
    }

    /// @inheritdoc ILockingPool
    function unjail(uint256 sequencerId) external {
        Record storage record = _record(sequencerId);
        if (msg.sender != record.owner && msg.sender != record.signer) {
            revert NotOwnerOrSigner(sequencerId, msg.sender);
        }
        if (!record.jailed) revert NotJailed(sequencerId);
        if (record.tombstoned) revert IsTombstoned(sequencerId);
        if (block.timestamp < record.jailedUntil) revert JailTermNotOver(sequencerId, record.jailedUntil);
        record.jailed = false;
        emit Unjailed(sequencerId);
        _writeSeat(sequencerId, record);
    }

    /// @dev Takes a part of the locked stake and of each part that has not matured.
    function _cut(Record storage record, uint256 fractionBps) private returns (uint256 slashed) {
        Pool storage pool = _pool();
        uint256 fromLocked = record.locked * fractionBps / ONE_BPS;
        uint256 fromQueue = 0;
        uint256 length = record.queue.length;
        for (uint256 i = 0; i < length; ++i) {
            Unbonding storage entry = record.queue[i];
            if (entry.claimableAt <= block.timestamp) continue;
            uint256 part = entry.amount * fractionBps / ONE_BPS;
            entry.amount -= uint192(part);
            fromQueue += part;
        }
        record.locked -= uint128(fromLocked);
        record.unbonding -= uint128(fromQueue);
        pool.totalLocked -= fromLocked;
        pool.totalUnbonding -= fromQueue;
        slashed = fromLocked + fromQueue;
    }

    function _jail(uint256 sequencerId, Record storage record, bool tombstone) private {
        if (record.status == Status.Active) _loseSeat(record);
        record.jailed = true;
        if (tombstone) record.tombstoned = true;
        record.jailedUntil = uint64(Math.max(record.jailedUntil, _after(ParameterKeys.JAIL_TERM)));
        emit Jailed(sequencerId, record.jailedUntil, record.tombstoned);
    }

    function _reporterReward(address reporter, uint256 slashed) private view returns (uint256) {
        if (reporter == address(0) || reporter == address(this)) return 0;
        uint256 share = slashed * _parameter(ParameterKeys.REPORTER_SHARE) / ONE_BPS;
        return Math.min(share, _parameter(ParameterKeys.REPORTER_CAP));
    }

    /// @dev Burns, or puts out of everybody's reach what a token without `burn` leaves.
    function _burn(uint256 amount) private {
        if (amount == 0) return;
        IERC20 metis = _pool().token;
        uint256 before = metis.balanceOf(address(this));
        try ERC20Burnable(address(metis)).burn(amount) {} catch {}
        uint256 left = amount - (before - metis.balanceOf(address(this)));
        if (left != 0) metis.safeTransfer(BURN_ADDRESS, left);
    }
}
