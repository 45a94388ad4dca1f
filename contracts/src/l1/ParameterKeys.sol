// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ParameterKeys
/// @notice Names of what governance decides: short ASCII strings, left-aligned in 32 bytes.
/// @dev The final list, with units, least value, default and greatest value:
///
/// | key             | unit                                             | least | default       | greatest   |
/// |-----------------|--------------------------------------------------|-------|---------------|------------|
/// | minLock         | wei of METIS                                     | 1e18  | 20,000e18     | 10^7 * 1e18|
/// | maxLock         | wei of METIS                                     | 1e18  | 100,000e18    | 10^7 * 1e18|
/// | exitDelay       | seconds                                          | 60    | 21 days       | 365 days   |
/// | activationDelay | seconds                                          | 1     | 1 day         | 30 days    |
/// | maxSequencers   | seats                                            | 1     | 32            | 256        |
/// | epochLength     | L2 blocks                                        | 64    | 200           | 86,400     |
/// | rewardPerBlock  | wei of METIS per block built                     | 0     | 761,000 gwei  | 1e18       |
/// | rewardPerVote   | wei of METIS per height for the votes of all power | 0   | 20,000 gwei   | 1e18       |
/// | voteFine        | wei of METIS per height if all power missed it   | 0     | 10,000 gwei   | 1e18       |
/// | slashFraction   | 1/10,000 of stake, per proven equivocation       | 1     | 500           | 10,000     |
/// | reporterShare   | 1/10,000 of what is slashed                      | 0     | 500           | 500        |
/// | reporterCap     | wei of METIS per report                          | 0     | 100e18        | 10,000e18  |
/// | jailTerm        | seconds                                          | 1     | 7 days        | 365 days   |
/// | recoveryDelay   | seconds without an accepted batch                | 60    | 3 days        | 90 days    |
/// | submitMargin    | 1/10,000 on top of a submitter's measured cost   | 0     | 1,000         | 10,000     |
/// | submitCap       | wei of ether credited per batch, at most         | 0     | 1e18          | 1,000e18   |
library ParameterKeys {
    /// @notice Least stake to lock, and least to keep after a partial withdrawal; wei of METIS.
    bytes32 internal constant MIN_LOCK = "minLock";
    /// @notice Most stake of one sequencer, and most that gives power; wei of METIS.
    bytes32 internal constant MAX_LOCK = "maxLock";
    /// @notice Seconds between leaving (wholly or in part) and being paid; stake is slashable until then.
    bytes32 internal constant EXIT_DELAY = "exitDelay";
    /// @notice Seconds between a lock, or the loss of a seat, and the earliest activation.
    bytes32 internal constant ACTIVATION_DELAY = "activationDelay";
    /// @notice How many sequencers may be active at once.
    bytes32 internal constant MAX_SEQUENCERS = "maxSequencers";
    /// @notice L2 blocks of one epoch.
    bytes32 internal constant EPOCH_LENGTH = "epochLength";
    /// @notice Wei of METIS credited to the builder of a block.
    bytes32 internal constant REWARD_PER_BLOCK = "rewardPerBlock";
    /// @notice Wei of METIS credited per height for the recorded votes of all power; each has its share of power.
    /// Keep rewardPerVote + 4 * voteFine at most rewardPerBlock, or leaving out votes pays (settlement.md).
    bytes32 internal constant REWARD_PER_VOTE = "rewardPerVote";
    /// @notice Wei of METIS taken from owed rewards per height if all power missed it; each has its share of
    /// power, times up to 4 while much power is missing.
    bytes32 internal constant VOTE_FINE = "voteFine";
    /// @notice Part of the stake that a proven equivocation costs, in 1/10,000.
    bytes32 internal constant SLASH_FRACTION = "slashFraction";
    /// @notice Part of what is slashed that goes to the reporter, in 1/10,000; the rest is burnt.
    bytes32 internal constant REPORTER_SHARE = "reporterShare";
    /// @notice Most that one report pays; wei of METIS.
    bytes32 internal constant REPORTER_CAP = "reporterCap";
    /// @notice Seconds that a jailed sequencer waits before it may be unjailed.
    bytes32 internal constant JAIL_TERM = "jailTerm";
    /// @notice Seconds without an accepted batch after which governance may restart the chain.
    bytes32 internal constant RECOVERY_DELAY = "recoveryDelay";
    /// @notice What a submitter is credited on top of its measured cost, in 1/10,000.
    bytes32 internal constant SUBMIT_MARGIN = "submitMargin";
    /// @notice Most that one batch credits its submitter, wei of ether.
    bytes32 internal constant SUBMIT_CAP = "submitCap";
}
