// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title INetworkParameters
/// @notice Everything that governance decides by number, with its past by L1 block.
/// @dev Keys, units, bounds and defaults: `ParameterKeys`. A value set in block n is the one that
/// holds at block n, whatever stood there earlier in that block.
interface INetworkParameters {
    /// @notice A parameter has a new value, from this L1 block on.
    event ParameterSet(bytes32 indexed key, uint256 value);

    /// @notice No parameter has this name; `keys()` lists those that exist.
    error UnknownParameter(bytes32 key);
    /// @notice The value lies outside of the bounds of this key.
    error ParameterOutOfBounds(bytes32 key, uint256 value, uint256 least, uint256 greatest);
    /// @notice `minLock` would exceed `maxLock`: set the other one first.
    error MinLockAboveMaxLock(uint256 minLock, uint256 maxLock);
    /// @notice The block asked for is not below the current one.
    error FutureLookup(uint256 blockNumber, uint256 currentBlock);
    /// @notice The block asked for is older than the first value of this key.
    error NoValueYet(bytes32 key, uint256 blockNumber);
    /// @notice `keys` and `values` have different lengths.
    error LengthMismatch(uint256 keys, uint256 values);
    /// @notice The owner (the timelock) can't be renounced: upgrades and parameters would stop for ever.
    error OwnerIsNeeded();

    /// @notice Give a parameter a new value. Only the owner (the timelock).
    /// @param key name, see `ParameterKeys`
    /// @param value new value in the unit of the key, within `bounds(key)`
    function set(bytes32 key, uint256 value) external;

    /// @notice Current value.
    function get(bytes32 key) external view returns (uint256 value);

    /// @notice Value at the end of a past L1 block.
    /// @param key name, see `ParameterKeys`
    /// @param blockNumber L1 block below the current one and not older than the contract
    function valueAt(bytes32 key, uint256 blockNumber) external view returns (uint256 value);

    /// @notice Names of all parameters, in the order of the table in `ParameterKeys`.
    function keys() external pure returns (bytes32[] memory);

    /// @notice Least and greatest value that `set` takes for a key.
    function bounds(bytes32 key) external pure returns (uint256 least, uint256 greatest);
}
