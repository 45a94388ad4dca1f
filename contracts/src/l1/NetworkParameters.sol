// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {INetworkParameters} from "./interfaces/INetworkParameters.sol";
import {ParameterKeys} from "./ParameterKeys.sol";

/// @title NetworkParameters
/// @notice Governed numbers, each within bounds, each with its past by L1 block.
/// @dev UUPS behind an ERC-1967 proxy; the owner is the timelock. Bounds guard against slips, not against
/// governance itself, which may also upgrade.
contract NetworkParameters is INetworkParameters, OwnableUpgradeable, UUPSUpgradeable {
    using Checkpoints for Checkpoints.Trace208;

    /// @custom:storage-location erc7201:metis.storage.NetworkParameters
    struct Values {
        mapping(bytes32 key => Checkpoints.Trace208) byKey;
    }

    /// @notice Version of this code.
    string public constant VERSION = "1.0.0";

    /// @dev keccak256(abi.encode(uint256(keccak256("metis.storage.NetworkParameters")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant VALUES_STORAGE = 0x639170993e88607ff382429febf565c908b896ff8f852b68e9877e152dbd6200;

    uint256 private constant METIS = 1e18;
    uint256 private constant ONE_BPS = 10_000;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Set all parameters, once: those named here as given, all others to their defaults.
    /// @param owner_ who governs: in the end the timelock, until then the deployer
    /// @param names keys that shall not have their default
    /// @param values their values, within bounds
    function initialize(address owner_, bytes32[] calldata names, uint256[] calldata values) external initializer {
        if (names.length != values.length) revert LengthMismatch(names.length, values.length);
        __Ownable_init(owner_);
        bytes32[] memory all = keys();
        for (uint256 i = 0; i < all.length; ++i) {
            (, uint256 initial,) = _specification(all[i]);
            _set(all[i], initial);
        }
        for (uint256 i = 0; i < names.length; ++i) {
            _set(names[i], values[i]);
        }
        _requireLimitsInOrder();
    }

    /// @inheritdoc INetworkParameters
    function set(bytes32 key, uint256 value) external onlyOwner {
        _set(key, value);
        _requireLimitsInOrder();
    }

    /// @inheritdoc INetworkParameters
    function get(bytes32 key) public view returns (uint256) {
        Checkpoints.Trace208 storage past = _values().byKey[key];
        if (past.length() == 0) revert UnknownParameter(key);
        return past.latest();
    }

    /// @inheritdoc INetworkParameters
    function valueAt(bytes32 key, uint256 blockNumber) external view returns (uint256) {
        if (blockNumber >= block.number) revert FutureLookup(blockNumber, block.number);
        Checkpoints.Trace208 storage past = _values().byKey[key];
        if (past.length() == 0) revert UnknownParameter(key);
        if (past.pos(0)._key > blockNumber) revert NoValueYet(key, blockNumber);
        return past.upperLookupRecent(SafeCast.toUint48(blockNumber));
    }

    /// @inheritdoc INetworkParameters
    function bounds(bytes32 key) external pure returns (uint256 least, uint256 greatest) {
        (least,, greatest) = _specification(key);
    }

    /// @inheritdoc INetworkParameters
    function keys() public pure returns (bytes32[] memory all) {
        all = new bytes32[](16);
        all[0] = ParameterKeys.MIN_LOCK;
        all[1] = ParameterKeys.MAX_LOCK;
        all[2] = ParameterKeys.EXIT_DELAY;
        all[3] = ParameterKeys.ACTIVATION_DELAY;
        all[4] = ParameterKeys.MAX_SEQUENCERS;
        all[5] = ParameterKeys.EPOCH_LENGTH;
        all[6] = ParameterKeys.REWARD_PER_BLOCK;
        all[7] = ParameterKeys.REWARD_PER_VOTE;
        all[8] = ParameterKeys.VOTE_FINE;
        all[9] = ParameterKeys.SLASH_FRACTION;
        all[10] = ParameterKeys.REPORTER_SHARE;
        all[11] = ParameterKeys.REPORTER_CAP;
        all[12] = ParameterKeys.JAIL_TERM;
        all[13] = ParameterKeys.RECOVERY_DELAY;
        all[14] = ParameterKeys.SUBMIT_MARGIN;
        all[15] = ParameterKeys.SUBMIT_CAP;
    }

    /// @notice Never: without an owner nothing could be mended any more.
    function renounceOwnership() public pure override {
        revert OwnerIsNeeded();
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}

    function _set(bytes32 key, uint256 value) private {
        (uint256 least,, uint256 greatest) = _specification(key);
        if (value < least || value > greatest) revert ParameterOutOfBounds(key, value, least, greatest);
        // slither-disable-next-line unused-return
        _values().byKey[key].push(SafeCast.toUint48(block.number), SafeCast.toUint208(value));
        emit ParameterSet(key, value);
    }

    function _requireLimitsInOrder() private view {
        uint256 least = get(ParameterKeys.MIN_LOCK);
        uint256 most = get(ParameterKeys.MAX_LOCK);
        if (least > most) revert MinLockAboveMaxLock(least, most);
    }

    /// @dev The table of `ParameterKeys`.
    function _specification(bytes32 key) private pure returns (uint256 least, uint256 initial, uint256 greatest) {
        if (key == ParameterKeys.MIN_LOCK) return (METIS, 20_000 * METIS, 10_000_000 * METIS);
        if (key == ParameterKeys.MAX_LOCK) return (METIS, 100_000 * METIS, 10_000_000 * METIS);
        if (key == ParameterKeys.EXIT_DELAY) return (60, 21 days, 365 days);
        if (key == ParameterKeys.ACTIVATION_DELAY) return (1, 1 days, 30 days);
        if (key == ParameterKeys.MAX_SEQUENCERS) return (1, 32, 256);
        if (key == ParameterKeys.EPOCH_LENGTH) return (64, 200, 86_400);
        if (key == ParameterKeys.REWARD_PER_BLOCK) return (0, 761_000 gwei, METIS);
        if (key == ParameterKeys.REWARD_PER_VOTE) return (0, 20_000 gwei, METIS);
        if (key == ParameterKeys.VOTE_FINE) return (0, 10_000 gwei, METIS);
        if (key == ParameterKeys.SLASH_FRACTION) return (1, 500, ONE_BPS);
        if (key == ParameterKeys.REPORTER_SHARE) return (0, 500, 500);
        if (key == ParameterKeys.REPORTER_CAP) return (0, 100 * METIS, 10_000 * METIS);
        if (key == ParameterKeys.JAIL_TERM) return (1, 7 days, 365 days);
        if (key == ParameterKeys.RECOVERY_DELAY) return (60, 3 days, 90 days);
        if (key == ParameterKeys.SUBMIT_MARGIN) return (0, 1_000, ONE_BPS);
        if (key == ParameterKeys.SUBMIT_CAP) return (0, 1 ether, 1_000 ether);
        revert UnknownParameter(key);
    }

    function _values() private pure returns (Values storage values) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            values.slot := VALUES_STORAGE
        }
    }
}
