// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A proof of one storage word of L2, against the state root of an accepted batch.
struct BatchProof {
    uint256 batch; // index in the inbox
    bytes[] accountProof; // `accountProof` of eth_getProof at the last block of that batch
    bytes[] storageProof; // `storageProof[0].proof` of the same
}

/// @title ISequencerInbox
/// @notice Where batches of L2 blocks are accepted on L1, each signed by more than 2/3 of the power.
interface ISequencerInbox {
    /// @notice An accepted batch. Its first block is the one after the last of the batch before.
    struct Batch {
        bytes32 blockHash; // of the last block
        bytes32 stateRoot; // after the last block
        uint64 last; // number of the last block
        uint64 epoch; // of the last block
        uint64 stakeBlock; // whose power signed
        uint64 acceptedAt; // seconds
    }

    /// @notice The chain goes on after a named block under a new version of the signing domain.
    struct Restart {
        bytes32 parentHash; // hash of the block that it goes on from
        uint64 number; // counted from 1; the domain version is one more
        uint64 height; // first block of the new version
        uint64 stakeBlock; // L1 block whose power goes on
    }

    /// @notice Blocks `first` to `last` are on L1. Their data is what the transaction carries.
    event BatchAccepted(
        uint256 indexed index,
        uint64 indexed first,
        uint64 indexed last,
        bytes32 lastBlockHash,
        bytes32 stateRoot,
        bytes32 dataHash,
        uint64 epoch,
        uint64 stakeBlock,
        address submitter
    );
    /// @notice A submitter is owed `amount` more; wei.
    event SubmitterCredited(address indexed submitter, uint256 indexed index, uint256 amount);
    /// @notice Credit was paid; `stillOwed` waits for funds; wei.
    event CreditPaid(address indexed submitter, address indexed to, uint256 amount, uint256 stillOwed);
    /// @notice Somebody paid into the fund of submitters; wei.
    event SubmittersFunded(address indexed from, uint256 amount);
    /// @notice The time of this L1 block is on record, to tell the age of stake blocks.
    event TimeRecorded(uint256 indexed blockNumber, uint256 timestamp);
    /// @notice Governance restarted the chain.
    event Restarted(uint64 indexed number, uint64 indexed height, bytes32 parentHash, uint64 stakeBlock);

    /// @notice Batches follow each other without gap or overlap.
    error NotContiguous(uint64 first, uint64 expected);
    /// @notice The batch ends before it begins.
    error EmptyBatch(uint64 first, uint64 last);
    /// @notice The header is of another block than the last of the batch.
    error HeaderOfAnotherBlock(uint64 number, uint64 last);
    /// @notice The stake block lies before that of an accepted batch, or of the last restart.
    error StakeBlockWentBack(uint64 stakeBlock, uint64 last);
    /// @notice The stake block is not proven younger than the exit delay, so its stake may be gone.
    error StakeBlockTooOld(uint64 stakeBlock, uint256 provenTime);
    /// @notice The stake block is not below the current block.
    error StakeBlockInFuture(uint64 stakeBlock, uint256 blockNumber);
    /// @notice After a restart a batch must reach its first block.
    error EndsBeforeRestart(uint64 last, uint64 height);
    /// @notice Batch data in calldata must be that of the transaction itself, so that all can read it:
    /// send it from an account without code.
    error DataBehindContract(address caller);
    /// @notice The time of a recent enough block is on record; again from `nextAt` on, seconds.
    error TimeKnown(uint256 nextAt);
    /// @notice No batch has this index.
    error NoSuchBatch(uint256 index);
    /// @notice Nothing is owed, or there are no funds to pay it from; wei.
    error NothingToPay(uint256 owed, uint256 fund);
    /// @notice The receiver refused the payment.
    error PaymentRefused(address to);
    /// @notice Batches were accepted too lately to restart; seconds.
    error TooEarlyToRestart(uint256 earliest);
    /// @notice A restart can't drop what stands on L1.
    error RestartBelowBatches(uint64 height, uint64 lastAccepted);
    /// @notice The parent is on L1 with another hash.
    error WrongParent(bytes32 parentHash, bytes32 accepted);
    /// @notice A restart needs stake that can sign.
    error NoPowerAt(uint64 stakeBlock);
    /// @notice The owner (the timelock) can't be renounced.
    error OwnerIsNeeded();

    /// @notice Bring blocks to L1. Anybody may; whose turn it is, the nodes agree on among themselves.
    /// @param first block after the last accepted one
    /// @param last block, at least `first`
    /// @param lastBlockHeaderRlp header of `last`, whose `extraData` names the stake block
    /// @param data the batch, or empty if the blobs of the transaction are the batch
    /// @param ids sequencers that signed, strictly rising
    /// @param signatures 65 bytes (r, s, v) each, in the order of `ids`, over the `Batch` digest
    function submitBatch(
        uint64 first,
        uint64 last,
        bytes calldata lastBlockHeaderRlp,
        bytes calldata data,
        uint256[] calldata ids,
        bytes calldata signatures
    ) external;

    /// @notice Pay what the caller is owed as a submitter, as far as the fund reaches.
    /// @return paid wei
    function claimCredit(address payable to) external returns (uint256 paid);

    /// @notice Put the time of this L1 block on record, if a sixteenth of the exit delay went by since the
    /// last record. Accepted batches do it by themselves; after a silence anybody may, so that later stake
    /// blocks can be told young.
    function recordTime() external;

    /// @notice Go on from a named block under a new version of the signing domain. Only governance, and
    /// only after `recoveryDelay` without an accepted batch.
    /// @param height first block of the new version, above the last accepted block
    /// @param parentHash hash of block `height - 1`
    /// @param stakeBlock past L1 block whose power goes on
    function restart(uint64 height, bytes32 parentHash, uint64 stakeBlock) external;

    /// @notice How many batches were accepted; indexes are below this.
    function batchCount() external view returns (uint256);

    /// @notice An accepted batch.
    function batch(uint256 index) external view returns (Batch memory);

    /// @notice Index of the batch that holds an L2 block.
    function batchOf(uint64 blockNumber) external view returns (uint256 index);

    /// @notice Last L2 block on L1.
    function lastBlock() external view returns (uint64);

    /// @notice The last restart; zeros if there was none.
    function lastRestart() external view returns (Restart memory);

    /// @notice Version of the signing domain: 1, and one more for every restart.
    function domainVersion() external view returns (uint256);

    /// @notice A time not after that of an L1 block, as far as it is on record; 0 if unknown.
    function provenTime(uint256 blockNumber) external view returns (uint256);

    /// @notice What a submitter is owed, wei.
    function creditOf(address submitter) external view returns (uint256);

    /// @notice What all submitters are owed, wei.
    function totalCredit() external view returns (uint256);

    /// @notice The pool whose stake signs.
    function pool() external view returns (address);
}
