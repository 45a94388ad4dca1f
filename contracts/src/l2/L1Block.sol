// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title L1Block
/// @notice What L2 knows of Ethereum: the L1 block that the current L2 block names as its origin.
/// @dev Predeploy at 0x4200000000000000000000000000000000000015, the place OP Stack chains keep theirs.
/// Written by the system transaction at the top of every block and by nothing else. Values whose
/// names L2 contracts already use elsewhere (number, timestamp, basefee, blobBaseFee, hash) keep them.
contract L1Block {
    /// @notice The only account that may write: sender of system transactions, nobody holds its key.
    address public constant DEPOSITOR_ACCOUNT = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;

    /// @notice Number of the origin.
    uint64 public number;
    /// @notice Timestamp of the origin, seconds.
    uint64 public timestamp;
    /// @notice L2 blocks that have named this origin, the current one not counted.
    uint64 public sequenceNumber;
    /// @notice Base fee of the origin, wei per gas.
    uint256 public basefee;
    /// @notice Blob base fee of the origin, wei per blob gas.
    uint256 public blobBaseFee;
    /// @notice Hash of the origin.
    bytes32 public hash;
    /// @notice RANDAO value of the origin (EIP-4399).
    bytes32 public prevRandao;

    /// @notice A new origin was named; repeated origins are silent.
    event OriginUpdated(uint64 indexed number, bytes32 indexed hash, uint64 timestamp);

    /// @notice Somebody else than the depositor account called `setL1Block`.
    error NotDepositor();

    /// @notice Record the origin of the current L2 block.
    /// @param number_ L1 block number
    /// @param timestamp_ L1 block time, seconds
    /// @param basefee_ L1 base fee, wei per gas
    /// @param blobBaseFee_ L1 blob base fee, wei per blob gas
    /// @param hash_ L1 block hash
    /// @param prevRandao_ L1 RANDAO value
    function setL1Block(
        uint64 number_,
        uint64 timestamp_,
        uint256 basefee_,
        uint256 blobBaseFee_,
        bytes32 hash_,
        bytes32 prevRandao_
    ) external {
        if (msg.sender != DEPOSITOR_ACCOUNT) revert NotDepositor();
        if (hash_ == hash) {
            ++sequenceNumber;
            return;
        }
        number = number_;
        timestamp = timestamp_;
        sequenceNumber = 0;
        basefee = basefee_;
        blobBaseFee = blobBaseFee_;
        hash = hash_;
        prevRandao = prevRandao_;
        emit OriginUpdated(number_, hash_, timestamp_);
    }
}
