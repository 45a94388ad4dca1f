// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ILockingPool
/// @notice The pool of sequencers: stake, keys, seats, exits and owed rewards.
/// @dev Three roles per sequencer. The *owner* (cold) moves stake. The *signer* (hot) signs blocks and
/// votes on L2 and can do nothing here but pass its place to another key. The *reward recipient* gets
/// what is earned, the owner where none is set. Power is written at each change and checkpointed by L1
/// block: `Active ? min(locked, maxLock) / 1 gwei : 0`, and a jailed sequencer is never Active.
///
/// Life of a sequencer: lock -> Pending -> activate -> Active -> unlock -> Inactive -> claim -> Unlocked.
/// Active turns Pending again when a higher stake takes the seat, when governance vacates it, and when
/// the sequencer is jailed.
interface ILockingPool {
    /// @notice Where a sequencer stands. The first four are numbered as in the earlier Metis contracts.
    enum Status {
        Unavailable, // never locked
        Inactive, // leaving: all stake waits for the exit delay
        Active, // holds a seat, has power
        Unlocked, // gone: all stake paid out
        Pending // locked, holds no seat
    }

    /// @notice All facts of one sequencer.
    struct Sequencer {
        uint256 amount; // locked stake, wei; what unbonds is not in it
        uint256 reward; // owed rewards, wei, whether the reward fund covers them or not
        uint256 unbonding; // stake on its way out, wei
        Status status;
        bool jailed; // until `unjail`
        bool tombstoned; // jailed for ever
        uint64 jailedUntil; // earliest time of `unjail`, seconds
        uint64 activatableAt; // earliest time of `activate`, seconds
        uint64 power; // as checkpointed last
        address owner;
        address pendingOwner; // invited by `setSequencerOwner`, zero if nobody
        address signer;
        address rewardRecipient; // zero: the owner
    }

    /// @notice One part of a stake on its way out.
    struct Unbonding {
        uint192 amount; // wei
        uint64 claimableAt; // seconds; slashable before, claimable from then on
    }

    // ---- events ----

    /// @notice Power and signer of a sequencer as checkpointed, after any change of stake, status, jail or
    /// signer. The last one of a block is what `seatAt` says of that block; zero power is no seat.
    event SeatChanged(uint256 indexed sequencerId, address indexed signer, uint64 power, uint64 totalPower);
    /// @notice Stake and standing of a sequencer after any change of them.
    event StakeChanged(
        uint256 indexed sequencerId, Status status, bool jailed, bool tombstoned, uint256 locked, uint256 unbonding
    );
    /// @notice A new sequencer; `signerPubkey` is the 64-byte public key of the signer.
    event Locked(
        address indexed signer,
        uint256 indexed sequencerId,
        address indexed owner,
        uint256 amount,
        uint256 total,
        bytes signerPubkey
    );
    /// @notice Stake added by the owner, `reward` of it from owed rewards; `total` is the new stake, wei.
    event Relocked(uint256 indexed sequencerId, uint256 amount, uint256 reward, uint256 total);
    /// @notice A part of the stake begins to unbond; wei, seconds.
    event Withdraw(uint256 indexed sequencerId, uint256 amount, uint256 total, uint64 claimableAt);
    /// @notice A sequencer begins to leave with all its stake; `forced` if governance made it.
    event UnlockInit(
        address indexed owner, uint256 indexed sequencerId, uint256 amount, uint64 claimableAt, bool forced
    );
    /// @notice Unbonded stake was paid to the owner; `total` is what the sequencer still has in the pool.
    event Unlocked(address indexed owner, uint256 indexed sequencerId, uint256 amount, uint256 total);
    /// @notice Rewards were paid; `stillOwed` waits for the reward fund.
    event ClaimRewards(uint256 indexed sequencerId, address indexed recipient, uint256 amount, uint256 stillOwed);
    /// @notice A sequencer took a seat: a free one (`replaced` = 0) or that of another.
    event Activated(uint256 indexed sequencerId, uint256 indexed replaced);
    /// @notice The signer was replaced; the old address stays with this sequencer for ever, unused.
    event SignerChange(
        uint256 indexed sequencerId, address indexed oldSigner, address indexed newSigner, bytes signerPubkey
    );
    /// @notice The owner invites another one (zero takes the invitation back).
    event SequencerOwnerInvited(uint256 indexed sequencerId, address indexed invited);
    /// @notice The invited owner accepted.
    event SequencerOwnerChanged(uint256 indexed sequencerId, address indexed owner);
    /// @notice Rewards now go to this address (zero: the owner).
    event SequencerRewardRecipientChanged(uint256 indexed sequencerId, address indexed recipient);
    /// @notice Stake was burnt after proven misbehaviour, `reward` of `amount` paid to the reporter; wei.
    event Slashed(uint256 indexed sequencerId, address indexed reporter, uint256 amount, uint256 reward);
    /// @notice A sequencer may not be active before `until` and its `unjail`; never again if tombstoned.
    event Jailed(uint256 indexed sequencerId, uint64 until, bool tombstoned);
    /// @notice A sequencer left jail; it is Pending.
    event Unjailed(uint256 indexed sequencerId);
    /// @notice Rewards owed grew by `amount`, to `owed`; wei.
    event RewardCredited(uint256 indexed sequencerId, uint256 amount, uint256 owed);
    /// @notice Rewards owed fell by `amount`, to `owed`; wei.
    event Fined(uint256 indexed sequencerId, uint256 amount, uint256 owed);
    /// @notice Somebody paid into the fund from which rewards are paid; wei.
    event RewardsFunded(address indexed from, uint256 amount, uint256 fund);
    /// @notice Governance put an address on the whitelist, or took it off.
    event SetWhitelist(address indexed user, bool yes);
    /// @notice Governance turned the whitelist on or off.
    event SetWhitelistRequired(bool required);
    /// @notice Governance named the contract that may slash.
    event SetSlasher(address indexed slasher);
    /// @notice Governance named the contract that may credit and fine.
    event SetSettlement(address indexed settlement);

    // ---- errors ----

    /// @notice No sequencer has this id.
    error NoSuchSequencer(uint256 sequencerId);
    /// @notice Only the owner of this sequencer may do that.
    error NotSequencerOwner(uint256 sequencerId, address caller);
    /// @notice Only the owner or the signer of this sequencer may do that.
    error NotOwnerOrSigner(uint256 sequencerId, address caller);
    /// @notice Only the invited owner may accept.
    error NotInvitedOwner(uint256 sequencerId, address caller, address invited);
    /// @notice This address owns a sequencer already; one owner, one sequencer.
    error OwnsSequencer(address owner, uint256 sequencerId);
    /// @notice This signer address was used before; it belongs to that sequencer for ever.
    error SignerUsed(address signer, uint256 sequencerId);
    /// @notice `signerPubkey` must be 64 bytes of public key (no 0x04) and 65 bytes of signature.
    error BadPubkeyLength(uint256 length);
    /// @notice The public key belongs to another address than the signer named.
    error PubkeyMismatch(address signer, address ofPubkey);
    /// @notice The proof of possession was not signed by the signer's key over this digest.
    error BadSignerProof(address signer, bytes32 digest);
    /// @notice The owner is not on the whitelist, which governance requires for new stake.
    error NotWhitelisted(address owner);
    /// @notice The stake would be below the least one; wei.
    error BelowMinLock(uint256 stake, uint256 minLock);
    /// @notice The stake would be above the greatest one; wei.
    error AboveMaxLock(uint256 stake, uint256 maxLock);
    /// @notice The amount is zero.
    error ZeroAmount();
    /// @notice More is asked than the sequencer has locked; wei.
    error InsufficientStake(uint256 asked, uint256 locked);
    /// @notice That can't be done with a sequencer in this status.
    error WrongStatus(uint256 sequencerId, Status status);
    /// @notice The sequencer is jailed: `unjail` after its term.
    error IsJailed(uint256 sequencerId, uint64 until);
    /// @notice The sequencer is not jailed.
    error NotJailed(uint256 sequencerId);
    /// @notice The sequencer is jailed for ever; what is left is to unlock.
    error IsTombstoned(uint256 sequencerId);
    /// @notice The jail term is not over; seconds.
    error JailTermNotOver(uint256 sequencerId, uint64 until);
    /// @notice The activation delay is not over; seconds.
    error ActivationTooEarly(uint256 sequencerId, uint64 activatableAt);
    /// @notice All seats are taken: name an active sequencer with a lower stake.
    error NoFreeSeat(uint256 taken, uint256 maxSequencers);
    /// @notice Only a lower stake can be replaced; wei.
    error StakeNotHigher(uint256 sequencerId, uint256 stake, uint256 replaces, uint256 itsStake);
    /// @notice Seats are vacated only while more are taken than `maxSequencers`.
    error SeatsNotOverfull(uint256 taken, uint256 maxSequencers);
    /// @notice So many parts unbond already; claim one, or wait.
    error TooManyUnbondings(uint256 sequencerId, uint256 most);
    /// @notice Nothing can be claimed yet; `nextAt` is the earliest time, zero if nothing unbonds.
    error NothingToClaim(uint256 sequencerId, uint64 nextAt);
    /// @notice No rewards are owed.
    error NoRewards(uint256 sequencerId);
    /// @notice Rewards are owed but the reward fund is empty; they stay owed. Wei.
    error RewardFundEmpty(uint256 sequencerId, uint256 owed);
    /// @notice An address must not be zero.
    error ZeroAddress();
    /// @notice The pool itself can't be paid rewards.
    error PoolIsNoRecipient();
    /// @notice Only the slasher may do that.
    error NotSlasher(address caller);
    /// @notice Only the settlement contract may do that.
    error NotSettlement(address caller);
    /// @notice A fraction above 10,000/10,000.
    error BadFraction(uint256 fractionBps);
    /// @notice `ids` and `amounts` have different lengths.
    error LengthMismatch(uint256 ids, uint256 amounts);
    /// @notice The block asked for is not below the current one.
    error FutureLookup(uint256 blockNumber, uint256 currentBlock);
    /// @notice The owner (the timelock) can't be renounced.
    error OwnerIsNeeded();

    // ---- becoming and being a sequencer (owner) ----

    /// @notice Lock stake and become a sequencer (Pending); the caller is the owner. Approve `amount` first.
    /// @param signer address of the hot key, never used before
    /// @param amount wei of METIS, between minLock and maxLock
    /// @param signerPubkey 64 bytes of public key, then 65 bytes (r, s, v) signed with it over
    /// `signerProofDigest(owner)`
    /// @return sequencerId counted from 1
    function lockFor(address signer, uint256 amount, bytes calldata signerPubkey)
        external
        returns (uint256 sequencerId);

    /// @notice As `lockFor`, and name who gets the rewards.
    function lockWithRewardRecipient(
        address signer,
        address rewardRecipient,
        uint256 amount,
        bytes calldata signerPubkey
    ) external returns (uint256 sequencerId);

    /// @notice Add stake. Owner only.
    /// @param sequencerId whose
    /// @param amount wei of METIS from the caller, may be zero with `lockReward`
    /// @param lockReward also lock owed rewards, as far as the reward fund and maxLock allow
    function relock(uint256 sequencerId, uint256 amount, bool lockReward) external;

    /// @notice Begin to take out a part of the stake, minLock must remain. Owner only. Paid by
    /// `unlockClaim` after the exit delay; slashable until then.
    function withdraw(uint256 sequencerId, uint256 amount) external;

    /// @notice Pay owed rewards, as far as the fund reaches, to the reward recipient. Owner only.
    /// @return paid wei
    function withdrawRewards(uint256 sequencerId) external returns (uint256 paid);

    /// @notice Begin to leave: power ends now, all stake unbonds. Owner only. Never paused.
    function unlock(uint256 sequencerId) external;

    /// @notice Pay all stake whose exit delay is over to the owner. Owner only. Never paused.
    /// @return paid wei
    function unlockClaim(uint256 sequencerId) external returns (uint256 paid);

    /// @notice Replace the signer. Owner or current signer.
    /// @param sequencerId whose
    /// @param signerPubkey new key and proof, as in `lockFor`; the proof names the sequencer's owner
    function updateSigner(uint256 sequencerId, bytes calldata signerPubkey) external;

    /// @notice Invite a new owner, who must accept; zero takes it back. Owner only.
    function setSequencerOwner(uint256 sequencerId, address owner) external;

    /// @notice Become the owner, as invited.
    function acceptSequencerOwner(uint256 sequencerId) external;

    /// @notice Name who gets the rewards; zero is the owner. Owner only.
    function setSequencerRewardRecipient(uint256 sequencerId, address recipient) external;

    // ---- seats (anybody) ----

    /// @notice Seat a pending sequencer: on a free seat, else on that of `replaces` if its stake is lower.
    /// @param sequencerId Pending, not jailed, activation delay over, stake at least minLock
    /// @param replaces an Active sequencer; heeded only if no seat is free
    function activate(uint256 sequencerId, uint256 replaces) external;

    /// @notice Write a sequencer's power anew, after `maxLock` changed.
    function poke(uint256 sequencerId) external;

    /// @notice Leave jail after the term; the sequencer is Pending then. Owner or signer.
    function unjail(uint256 sequencerId) external;

    /// @notice Pay METIS into the fund from which rewards are paid. Approve `amount` first.
    function fundRewards(uint256 amount) external;

    // ---- other contracts ----

    /// @notice Burn a part of a sequencer's stake, what unbonds included, and jail it. Only the slasher.
    /// @param sequencerId who misbehaved
    /// @param fractionBps part of each stake, in 1/10,000
    /// @param reporter gets reporterShare of what is slashed, at most reporterCap; zero: nobody
    /// @param tombstone jail for ever
    /// @return slashed wei taken from the stake
    /// @return rewarded wei of that paid to the reporter; the rest is burnt
    function slash(uint256 sequencerId, uint256 fractionBps, address reporter, bool tombstone)
        external
        returns (uint256 slashed, uint256 rewarded);

    /// @notice Owe sequencers rewards. Only the settlement contract. Unknown ids are passed over, so that
    /// one entry can't hold up the others; the fund may be short, the debt stays.
    function creditRewards(uint256[] calldata ids, uint256[] calldata amounts) external;

    /// @notice Take fines from owed rewards, never below zero. Only the settlement contract.
    function fine(uint256[] calldata ids, uint256[] calldata amounts) external;

    // ---- governance ----

    /// @notice Make a sequencer leave, as if it had called `unlock`.
    function forceUnlock(uint256 sequencerId) external;

    /// @notice Take a seat back after `maxSequencers` was lowered; the sequencer turns Pending.
    function vacate(uint256 sequencerId) external;

    /// @notice Let an address own a sequencer, or no longer; what it has locked stays its own to take out.
    function setWhitelist(address user, bool yes) external;

    /// @notice Turn the whitelist on or off.
    function setWhitelistRequired(bool required) external;

    /// @notice Stop or resume locking, relocking and activation. Exits, key changes and claims go on.
    function setPause(bool yes) external;

    /// @notice Name the contract that may slash.
    function setSlasher(address slasher_) external;

    /// @notice Name the contract that may credit and fine.
    function setSettlement(address settlement_) external;

    // ---- views ----

    /// @notice Signer and power of a sequencer at the end of a past L1 block; zeros before its lock.
    /// @param sequencerId whose
    /// @param blockNumber below the current block
    function seatAt(uint256 sequencerId, uint256 blockNumber) external view returns (address signer, uint64 power);

    /// @notice Sum of all power at the end of a past L1 block.
    function totalPowerAt(uint256 blockNumber) external view returns (uint64);

    /// @notice Sum of all power now.
    function totalPower() external view returns (uint64);

    /// @notice The sequencer that a signer address belongs or belonged to; 0 = never used.
    function signerSequencer(address signer) external view returns (uint256 sequencerId);

    /// @notice The sequencer that an address owns; 0 = none.
    function seqOwners(address owner) external view returns (uint256 sequencerId);

    /// @notice All facts of a sequencer; zeros if there is none.
    function sequencers(uint256 sequencerId) external view returns (Sequencer memory);

    /// @notice Parts of the stake on their way out, oldest first.
    function unbondings(uint256 sequencerId) external view returns (Unbonding[] memory);

    /// @notice How many sequencers were ever made; ids are 1 to this.
    function sequencerCount() external view returns (uint256);

    /// @notice How many are Active.
    function seatsTaken() external view returns (uint256);

    /// @notice All locked stake, wei.
    function totalLocked() external view returns (uint256);

    /// @notice All stake on its way out, wei.
    function totalUnbonding() external view returns (uint256);

    /// @notice METIS held to pay rewards, wei.
    function rewardFund() external view returns (uint256);

    /// @notice All rewards owed, wei.
    function totalOwed() external view returns (uint256);

    /// @notice Whether an address is on the whitelist.
    function whitelist(address user) external view returns (bool);

    /// @notice Whether new stake needs the whitelist.
    function whitelistRequired() external view returns (bool);

    /// @notice The METIS token.
    function token() external view returns (address);

    /// @notice The contract with the governed parameters.
    function parameters() external view returns (address);

    /// @notice The contract that may slash.
    function slasher() external view returns (address);

    /// @notice The contract that may credit and fine.
    function settlement() external view returns (address);

    /// @notice Chain id of the L2, which all signatures of sequencers are bound to.
    function l2ChainId() external view returns (uint256);

    /// @notice EIP-712 domain: MetisSequencer, version 1, the L2 chain id, this contract.
    function domainSeparator() external view returns (bytes32);

    /// @notice What a signer key signs to belong to an owner: EIP-712 `SignerProof(address owner)`.
    function signerProofDigest(address owner) external view returns (bytes32);
}
