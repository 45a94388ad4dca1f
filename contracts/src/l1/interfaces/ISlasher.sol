// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchProof} from "./ISequencerInbox.sol";

/// @title ISlasher
/// @notice Punishes a sequencer that signed two different blocks for one turn.
interface ISlasher {
    /// @notice A message that a sequencer signed.
    struct Message {
        uint8 kind; // 0 proposal, 1 prevote, 2 precommit
        uint64 height;
        uint32 round;
        int32 validRound; // of proposals; else 0
        bytes32 blockHash; // zero votes nil
    }

    /// @notice What a sequencer was punished for up to now.
    struct Offences {
        uint64 count;
        uint64 lastPunishedAt; // L1 block
    }

    /// @notice A sequencer was punished for two messages of one kind, height and round.
    event EquivocationPunished(
        uint256 indexed sequencerId,
        address indexed reporter,
        address signer,
        uint8 kind,
        uint64 height,
        uint32 round,
        uint256 slashed,
        uint256 rewarded,
        bool tombstoned
    );

    /// @notice Only proposals (0), prevotes (1) and precommits (2) are evidence.
    error UnknownKind(uint8 kind);
    /// @notice The messages are not of one kind, height and round.
    error DifferentTurns();
    /// @notice The messages name the same block.
    error SameBlock(bytes32 blockHash);
    /// @notice The messages are of two keys.
    error DifferentSigners(address a, address b);
    /// @notice The epoch proven doesn't hold the height.
    error HeightNotInEpoch(uint64 height, uint64 start, uint64 end);
    /// @notice The batch proven against ends below the height, so it may never have been.
    error HeightNotOnL1(uint64 height, uint64 lastOfBatch);
    /// @notice No sequencer ever had this key.
    error UnknownSigner(address signer);
    /// @notice The sequencer used another key in that epoch: this one was retired, or not yet in use.
    error NotItsKeyThen(uint256 sequencerId, address signer, address keyThen);
    /// @notice The sequencer was no validator in that epoch.
    error NoValidatorThen(uint256 sequencerId, uint64 stakeBlock);
    /// @notice The stake block is not proven younger than the exit delay: who signed then may have left.
    error EvidenceTooOld(uint64 stakeBlock, uint256 provenTime);
    /// @notice The sequencer was punished after that epoch's set was fixed; one offence, one punishment.
    error AlreadyPunished(uint256 sequencerId, uint64 atBlock, uint64 stakeBlock);
    /// @notice The owner (the timelock) can't be renounced.
    error OwnerIsNeeded();

    /// @notice Report two messages of one turn. Anybody may; the caller is paid.
    /// @param a one message
    /// @param signatureA 65 bytes (r, s, v) over its EIP-712 digest
    /// @param b the other
    /// @param signatureB over its digest, by the same key
    /// @param epoch that holds the height
    /// @param proof of `SequencerSetLayout.entrySlot(epoch)`, against any batch that ends at the height or
    /// above it
    function reportEquivocation(
        Message calldata a,
        bytes calldata signatureA,
        Message calldata b,
        bytes calldata signatureB,
        uint64 epoch,
        BatchProof calldata proof
    ) external;

    /// @notice What a sequencer was punished for up to now.
    function offencesOf(uint256 sequencerId) external view returns (Offences memory);

    /// @notice The pool whose stake is slashed.
    function pool() external view returns (address);

    /// @notice The inbox whose state roots epochs are proven against.
    function inbox() external view returns (address);
}
