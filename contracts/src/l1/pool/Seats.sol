// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VotesUpgradeable} from "@openzeppelin/contracts-upgradeable/governance/utils/VotesUpgradeable.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ILockingPool} from "../interfaces/ILockingPool.sol";
import {ParameterKeys} from "../ParameterKeys.sol";
import {SignerKeys} from "./SignerKeys.sol";

/// @title Seats
/// @notice Power: who has it, how much, and who had it at any past block. The votes of governance are it.
/// @dev No list of seats is kept and nothing loops over sequencers: a count, and whoever wants a seat that
/// is taken names whose. Votes belong to owners and count for the owner itself unless it delegates.
abstract contract Seats is SignerKeys, VotesUpgradeable {
    using Checkpoints for Checkpoints.Trace224;

    uint256 private constant WEI_PER_POWER = 1 gwei;

    /// @inheritdoc ILockingPool
    function activate(uint256 sequencerId, uint256 replaces) external whenNotPaused {
        Record storage record = _record(sequencerId);
        _requireSeatable(sequencerId, record);
        Pool storage pool = _pool();
        uint256 most = _parameter(ParameterKeys.MAX_SEQUENCERS);
        uint256 replaced = 0;
        if (pool.seatsTaken >= most) {
            if (replaces == 0) revert NoFreeSeat(pool.seatsTaken, most);
            _requireLowerStake(sequencerId, record, replaces);
            replaced = replaces;
            _loseSeat(_record(replaced));
            _writeSeat(replaced, _record(replaced));
        }
        ++pool.seatsTaken;
        record.status = Status.Active;
        emit Activated(sequencerId, replaced);
        _writeSeat(sequencerId, record);
    }

    /// @inheritdoc ILockingPool
    function poke(uint256 sequencerId) external {
        Record storage record = _record(sequencerId);
        if (_powerByRule(record) != record.power) _writeSeat(sequencerId, record);
    }

    /// @inheritdoc ILockingPool
    function vacate(uint256 sequencerId) external onlyOwner {
        Record storage record = _record(sequencerId);
        if (record.status != Status.Active) revert WrongStatus(sequencerId, record.status);
        uint256 taken = _pool().seatsTaken;
        uint256 most = _parameter(ParameterKeys.MAX_SEQUENCERS);
        if (taken <= most) revert SeatsNotOverfull(taken, most);
        _loseSeat(record);
        _writeSeat(sequencerId, record);
    }

    /// @inheritdoc ILockingPool
    function seatAt(uint256 sequencerId, uint256 blockNumber) external view returns (address signer, uint64 power) {
        if (blockNumber >= block.number) revert FutureLookup(blockNumber, block.number);
        uint224 seat = _pool().records[sequencerId].seats.upperLookupRecent(SafeCast.toUint32(blockNumber));
        return (address(uint160(seat)), uint64(seat >> 160));
    }

    /// @inheritdoc ILockingPool
    function totalPowerAt(uint256 blockNumber) external view returns (uint64) {
        if (blockNumber >= block.number) revert FutureLookup(blockNumber, block.number);
        return uint64(getPastTotalSupply(blockNumber));
    }

    /// @inheritdoc ILockingPool
    function totalPower() public view returns (uint64) {
        return uint64(_getTotalSupply());
    }

    /// @notice The clock of power and votes is the L1 block number (ERC-6372).
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=blocknumber&from=default";
    }

    /// @notice Whom an account lets vote: itself unless it named somebody else.
    function delegates(address account) public view override returns (address) {
        address chosen = super.delegates(account);
        return chosen == address(0) ? account : chosen;
    }

    /// @dev Naming nobody is naming oneself, so that no vote is ever lost.
    function _delegate(address account, address delegatee) internal override {
        super._delegate(account, delegatee == address(0) ? account : delegatee);
    }

    function _getVotingUnits(address account) internal view override returns (uint256) {
        Pool storage pool = _pool();
        return pool.records[pool.owners[account]].power;
    }

    function _hashTypedDataV4(bytes32 structHash)
        internal
        view
        override(SignerKeys, EIP712Upgradeable)
        returns (bytes32)
    {
        return SignerKeys._hashTypedDataV4(structHash);
    }

    /// @inheritdoc SignerKeys
    function eip712Domain()
        public
        view
        override(SignerKeys, EIP712Upgradeable)
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory)
    {
        return SignerKeys.eip712Domain();
    }

    /// @dev Active turns Pending; `_writeSeat` must follow.
    function _loseSeat(Record storage record) internal {
        --_pool().seatsTaken;
        record.status = Status.Pending;
        record.activatableAt = _after(ParameterKeys.ACTIVATION_DELAY);
    }

    /// @dev Writes power and signer as they are by rule now, moves the votes, and tells.
    function _writeSeat(uint256 sequencerId, Record storage record) internal {
        uint64 power = _powerByRule(record);
        uint64 before = record.power;
        if (power > before) _transferVotingUnits(address(0), record.owner, power - before);
        if (power < before) _transferVotingUnits(record.owner, address(0), before - power);
        record.power = power;
        // What stood there before is in `record` too.
        // slither-disable-next-line unused-return
        record.seats.push(SafeCast.toUint32(block.number), (uint224(power) << 160) | uint160(record.signer));
        emit SeatChanged(sequencerId, record.signer, power, totalPower());
        _emitStake(sequencerId, record);
    }

    /// @dev consensus.md, "Power". A jailed sequencer is never Active.
    function _powerByRule(Record storage record) private view returns (uint64) {
        if (record.status != Status.Active) return 0;
        return uint64(Math.min(record.locked, _parameter(ParameterKeys.MAX_LOCK)) / WEI_PER_POWER);
    }

    function _requireSeatable(uint256 sequencerId, Record storage record) private view {
        if (record.status != Status.Pending) revert WrongStatus(sequencerId, record.status);
        if (record.tombstoned) revert IsTombstoned(sequencerId);
        if (record.jailed) revert IsJailed(sequencerId, record.jailedUntil);
        if (block.timestamp < record.activatableAt) revert ActivationTooEarly(sequencerId, record.activatableAt);
        _requireWhitelisted(record.owner);
        uint256 least = _parameter(ParameterKeys.MIN_LOCK);
        if (record.locked < least) revert BelowMinLock(record.locked, least);
    }

    function _requireLowerStake(uint256 sequencerId, Record storage record, uint256 replaces) private view {
        Record storage other = _record(replaces);
        if (other.status != Status.Active) revert WrongStatus(replaces, other.status);
        if (other.locked >= record.locked) {
            revert StakeNotHigher(sequencerId, record.locked, replaces, other.locked);
        }
    }
}
