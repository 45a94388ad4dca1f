"""The words for each error of the contracts: what is wrong, and the next step. Data alone.

A test walks the ABIs: an error without its words here fails it, and so do words without an error.
In a template `{name}` is an argument of the error; after the colon stands how `refusals.py` shows
it.
"""

from __future__ import annotations

from collections.abc import Mapping

FAULT = "this should not happen: please report it, with the command and the block"

# Error name -> what is wrong; what to do next.
REFUSALS: Mapping[str, str] = {
    # --- LockingPool ---
    "NoSuchSequencer": "there is no sequencer {sequencerId}: `stake info` lists those that exist",
    "NotSequencerOwner": "{caller:address} does not own sequencer {sequencerId}: use the owner's "
    "key (`stake info {sequencerId}` names the owner)",
    "NotOwnerOrSigner": "{caller:address} is neither the owner nor the signer of sequencer "
    "{sequencerId}: use the key of one of them",
    "NotInvitedOwner": "{caller:address} is not invited to own sequencer {sequencerId} "
    "(invited: {invited:address}): the owner runs `stake transfer-owner {caller:address}` first",
    "OwnsSequencer": "{owner:address} owns sequencer {sequencerId} already, and one address owns "
    "one: add to that one with `stake relock`, or use another owner",
    "SignerUsed": "the signer key {signer:address} was used by sequencer {sequencerId} and belongs "
    "to it for ever: make a new one with `keys new`",
    "BadPubkeyLength": "the signer's public key with its proof has {length} bytes, it must have "
    "129: make it with `keys prove`",
    "PubkeyMismatch": "the public key is of {ofPubkey:address}, not of the signer "
    "{signer:address}: make it anew with `keys prove`",
    "BadSignerProof": "the proof of the signer key {signer:address} was not made for this owner, "
    "pool and L2: make it anew with `keys prove --owner`",
    "NotWhitelisted": "{owner:address} is not on the whitelist, which this network requires: ask "
    "governance for `gov propose --call LockingPool.setWhitelist={owner:address},true`",
    "BelowMinLock": "the stake would be {stake:metis}, the least is {minLock:metis}: lock more, "
    "or leave with `stake unlock`",
    "AboveMaxLock": "the stake would be {stake:metis}, the most is {maxLock:metis}: lock less",
    "ZeroAmount": "the amount is zero: name one above it",
    "InsufficientStake": "{asked:metis} are asked for, {locked:metis} are locked: ask for less",
    "WrongStatus": "sequencer {sequencerId} is {status:status}, and that cannot be done then: "
    "`stake info {sequencerId}` shows where it stands",
    "IsJailed": "sequencer {sequencerId} is jailed until {until:time}: then `stake unjail`",
    "NotJailed": "sequencer {sequencerId} is not jailed: nothing to do",
    "IsTombstoned": "sequencer {sequencerId} is jailed for ever: what is left is `stake unlock`",
    "JailTermNotOver": "the jail term of sequencer {sequencerId} ends at {until:time}: try again "
    "then",
    "ActivationTooEarly": "sequencer {sequencerId} can be activated from {activatableAt:time} on: "
    "try again then",
    "NoFreeSeat": "all seats are taken ({taken} of {maxSequencers}): name an active sequencer with "
    "a lower stake, `stake activate --replaces ID`",
    "StakeNotHigher": "sequencer {sequencerId} has {stake:metis}, sequencer {replaces} has "
    "{itsStake:metis}: only a lower stake can be replaced; choose another, or relock",
    "SeatsNotOverfull": "{taken} of {maxSequencers} seats are taken: a seat is only taken back "
    "after governance lowered maxSequencers below that",
    "TooManyUnbondings": "{most} parts of the stake of sequencer {sequencerId} unbond already: "
    "`stake claim` those that are due, or wait",
    "NothingToClaim": "nothing can be claimed for sequencer {sequencerId} yet (the next part: "
    "{nextAt:time}): try again then",
    "NoRewards": "no rewards are owed to sequencer {sequencerId}: nothing to do",
    "RewardFundEmpty": "{owed:metis} are owed to sequencer {sequencerId}, but the reward fund is "
    "empty: they stay owed; try again after somebody has paid into it (`fundRewards`)",
    "ZeroAddress": "an address is zero where one is needed: name it",
    "PoolIsNoRecipient": "the pool itself cannot be paid rewards: name another recipient",
    "NotSlasher": "{caller:address} is not the slasher: stake is slashed through the Slasher "
    "contract only",
    "NotSettlement": "{caller:address} is not the settlement: rewards and fines go through the "
    "settlement contract only",
    "BadFraction": "a fraction of {fractionBps}/10000 is above the whole: use at most 10000",
    "LengthMismatch": "two lists that belong together differ in length: give each key its value",
    "FutureLookup": "block {blockNumber} is not below the current one, {currentBlock}: ask for an "
    "older one",
    "OwnerIsNeeded": "the owner of a contract cannot be renounced: transfer it instead",
    # --- NetworkParameters ---
    "UnknownParameter": "there is no parameter {key:key}: `gov params` lists those that exist",
    "ParameterOutOfBounds": "{key:key} cannot be {value}: its bounds are {least} to {greatest}; "
    "`gov params` explains them",
    "MinLockAboveMaxLock": "minLock ({minLock:metis}) would exceed maxLock ({maxLock:metis}): "
    "change the other one first, in the same proposal",
    "NoValueYet": "{key:key} had no value at block {blockNumber}: ask for a block after the "
    "deployment",
    # --- SequencerInbox ---
    "NotContiguous": "the batch begins at block {first}, the inbox expects {expected}: another "
    "submitter was first; make it anew from there",
    "EmptyBatch": "the batch ends at block {last}, before its first, {first}: make it anew",
    "HeaderOfAnotherBlock": "the header is of block {number}, the batch ends at {last}: give the "
    "header of its last block",
    "StakeBlockWentBack": "the stake block {stakeBlock} lies before {last}, which the inbox has "
    "seen: end the batch with a later block",
    "StakeBlockTooOld": "the stake block {stakeBlock} is not proven younger than the exit delay: "
    "end the batch in a later epoch, or let more sequencers sign",
    "StakeBlockInFuture": "the stake block {stakeBlock} is not below the current one, "
    "{blockNumber}: wait for the next L1 block",
    "EndsBeforeRestart": "the batch ends at block {last}, the chain was restarted at {height}: "
    "stretch the batch to it",
    "DataBehindContract": "{caller:address} is a contract, and batch data in calldata must come "
    "straight from an account: send it from one, or use blobs",
    "TimeKnown": "the inbox has a recent enough time on record: nothing to do before {nextAt:time}",
    "NoSuchBatch": "there is no batch {index}: ask for one below `batchCount`",
    "NothingToPay": "{owed} wei are owed and {fund} wei are there to pay from: try again after the "
    "inbox was funded",
    "PaymentRefused": "{to:address} refused the payment: name another receiver",
    "TooEarlyToRestart": "batches were accepted lately, a restart is possible from "
    "{earliest:time} on: wait until then",
    "RestartBelowBatches": "a restart at block {height} would drop what stands on L1, up to "
    "{lastAccepted}: restart above it",
    "WrongParent": "the parent {parentHash} is on L1 as {accepted}: name that one",
    "NoPowerAt": "nobody had power at stake block {stakeBlock}: name another",
    "MixedData": "the transaction has blobs and calldata, so that it is unclear which is the "
    "batch: send one of them",
    "NoData": "the transaction has neither blobs nor calldata: send the batch with it",
    "HeaderFields": "the header has {found} fields, it must have 21: give an Ethereum header",
    "HeaderExtraData": "the header's extraData is of another layout: is it a header of this L2?",
    "HeaderNumber": "a number in the header does not fit 64 bits: is it a header of this L2?",
    "SignaturesLength": "there are {found} bytes of signatures, {expected} are needed: give 65 for "
    "each id",
    "IdsNotRising": "id {id} comes after {before}: sort the ids, each once",
    "NoPower": "sequencer {id} had no power at stake block {stakeBlock}: leave its signature out",
    "WrongSigner": "the signature for sequencer {id} is of {signer:address}, not of "
    "{expected:address}: leave it out, or sign with that key",
    "NoQuorum": "{power:power} of {totalPower:power} of power have signed, more than two thirds "
    "are needed: collect more signatures",
    # --- EpochSettlement and proofs ---
    "NotNextEpoch": "epoch {epoch} is not the next one, {next} is: settle that one first",
    "WrongRecord": "the record has the hash {recordHash}, {proven} is proven: give the record of "
    "that epoch",
    "MalformedAccount": "the proof holds no account: make it anew with `eth_getProof`",
    "RLPInvalidEncoding": "the header or the proof is not RLP: make it anew",
    "TrieProofTraversalError": "the proof does not lead to the entry (step {err}): make it anew, "
    "against the state root of the batch that is named",
    # --- Slasher ---
    "UnknownKind": "messages of kind {kind} are no evidence: only proposals (0), prevotes (1) and "
    "precommits (2) are",
    "DifferentTurns": "the messages are of different turns, which is no offence: give two of one "
    "kind, height and round",
    "SameBlock": "both messages name the block {blockHash}, which is no offence: give two that "
    "differ",
    "DifferentSigners": "the messages are of {a:address} and {b:address}: give two of one key",
    "HeightNotInEpoch": "height {height} is not in the proven epoch, {start} to {end}: prove the "
    "epoch that holds it",
    "HeightNotOnL1": "height {height} is not on L1 yet, the batch ends at {lastOfBatch}: wait for "
    "a batch that reaches it",
    "UnknownSigner": "no sequencer ever had the key {signer:address}: there is nobody to slash",
    "NotItsKeyThen": "{signer:address} was not the key of sequencer {sequencerId} in that epoch, "
    "{keyThen:address} was: a retired key proves nothing",
    "NoValidatorThen": "sequencer {sequencerId} had no power at stake block {stakeBlock}: it was "
    "no validator then, there is nothing to slash",
    "EvidenceTooOld": "the stake block {stakeBlock} is not proven younger than the exit delay: the "
    "evidence comes too late",
    "AlreadyPunished": "sequencer {sequencerId} was punished at L1 block {atBlock}, after its "
    "epoch was fixed at {stakeBlock}: one offence, one punishment",
    # --- SequencerGovernor ---
    "GovernorAlreadyCastVote": "{voter:address} has voted on this proposal: a vote cannot be "
    "changed",
    "GovernorAlreadyQueuedProposal": "proposal {proposalId} is queued: `gov execute` it once its "
    "time has come",
    "GovernorDisabledDeposit": "the governor takes no coins: send none",
    "GovernorInsufficientProposerVotes": "{proposer:address} has {votes:power} of power, a "
    "proposal needs {threshold:power}: let a sequencer with more propose it",
    "GovernorInvalidProposalLength": "the proposal has {targets} targets, {calldatas} calls and "
    "{values} values: they must be as many, and one at least",
    "GovernorInvalidQuorumFraction": "a quorum of {quorumNumerator} of {quorumDenominator} is "
    "above the whole: use less",
    "GovernorInvalidSignature": "the signature is not one of {voter:address}: sign again",
    "GovernorInvalidVoteParams": "this governor takes no parameters with a vote: vote without",
    "GovernorInvalidVoteType": "a vote is for, against or abstain: use one of these",
    "GovernorInvalidVotingPeriod": "a voting period of {votingPeriod} blocks is none: use one at "
    "least",
    "GovernorNonexistentProposal": "there is no proposal {proposalId}: `gov list` shows those that "
    "exist",
    "GovernorOnlyExecutor": "{account:address} is not the timelock: make it a proposal with "
    "`gov propose`",
    "GovernorProposalQueueingFailed": "proposal {proposalId} could not be queued in the timelock: "
    + FAULT,
    "GovernorProposalQueueingNotRequired": "proposal {proposalId} needs no queueing: `gov execute` "
    "it",
    "GovernorRestrictedProposer": "the description names another proposer than {proposer:address}: "
    "propose from that account, or change the description",
    "GovernorUnableToCancel": "{account:address} cannot cancel proposal {proposalId}: only its "
    "proposer can, before voting begins",
    "GovernorUnexpectedProposalState": "proposal {proposalId} is {current:proposal_state}, and "
    "that cannot be done then: `gov show {proposalId}` tells what comes next",
    # --- TimelockController and roles ---
    "TimelockInsufficientDelay": "a delay of {delay} s is below the timelock's {minDelay} s: wait "
    "at least that long",
    "TimelockInvalidOperationLength": "the operation has {targets} targets, {payloads} payloads "
    "and {values} values: they must be as many",
    "TimelockUnauthorizedCaller": "{caller:address} is not the timelock itself: make it a proposal "
    "with `gov propose`",
    "TimelockUnexecutedPredecessor": "an operation before this one is not executed yet: execute "
    "that one first",
    "TimelockUnexpectedOperationState": "the timelock's delay is not over, or the operation is not "
    "in it: `gov show` tells from when on it can be executed",
    "AccessControlBadConfirmation": "a role is only renounced by its holder: use that account",
    "AccessControlUnauthorizedAccount": "{account:address} lacks the role for this: only "
    "governance may do it, `gov propose`",
    # --- ownership, proxies, upgrades ---
    "OwnableInvalidOwner": "{owner:address} cannot own a contract: name another",
    "OwnableUnauthorizedAccount": "{account:address} does not own this contract, governance does: "
    "make it a proposal with `gov propose`",
    "InvalidInitialization": "the contract is set up already: `l1 verify` shows how",
    "NotInitializing": "this is only done while a contract is set up: " + FAULT,
    "AddressEmptyCode": "there is no contract at {target:address}: `l1 verify` checks the "
    "addresses",
    "ERC1967InvalidImplementation": "{implementation:address} is no contract that a proxy could "
    "use: deploy the implementation first",
    "ERC1967NonPayable": "an upgrade without a call takes no coins: send none",
    "ERC1967ProxyUninitialized": "the proxy was not set up: `l1 deploy` does both in one",
    "UUPSUnauthorizedCallContext": "an upgrade goes to the proxy, not to the implementation: name "
    "the proxy",
    "UUPSUnsupportedProxiableUUID": "the new implementation is not made for this kind of proxy: "
    "check which contract it is",
    "FailedCall": "a call to another contract failed without a reason: check each call of the "
    "proposal by itself",
    "EnforcedPause": "the pool is paused by governance: locking and activation wait; leaving, "
    "claiming and key changes go on",
    "ExpectedPause": "the pool is not paused: nothing to resume",
    # --- tokens ---
    "ERC20InsufficientAllowance": "the pool may take {allowance:metis}, {needed:metis} are needed: "
    "approve again, this command does it by itself",
    "ERC20InsufficientBalance": "{sender:address} has {balance:metis}, {needed:metis} are needed: "
    "send METIS to it first",
    "ERC20InvalidApprover": "{approver:address} cannot approve: use another account",
    "ERC20InvalidReceiver": "{receiver:address} cannot receive METIS: name another address",
    "ERC20InvalidSender": "{sender:address} cannot send METIS: use another account",
    "ERC20InvalidSpender": "{spender:address} cannot be approved: `l1 verify` checks the addresses",
    "ERC2612ExpiredSignature": "the permit ended at {deadline:time}: sign a new one",
    "ERC2612InvalidSigner": "the permit was signed by {signer:address}, not by {owner:address}: "
    "sign with that key",
    "SafeERC20FailedOperation": "the token {token:address} refused a transfer without a reason: "
    "check balance and allowance",
    # --- signatures, votes, numbers ---
    "ECDSAInvalidSignature": "a signature is not valid: sign again",
    "ECDSAInvalidSignatureLength": "a signature has {length} bytes, it must have 65: sign again",
    "ECDSAInvalidSignatureS": "a signature is not in its low form: sign again with a tool that "
    "follows EIP-2",
    "InvalidAccountNonce": "the signature of {account:address} is for another nonce than "
    "{currentNonce}: sign again",
    "VotesExpiredSignature": "the signed delegation ended at {expiry:time}: sign a new one",
    "ERC5805FutureLookup": "block {timepoint} is not below the current one, {clock}: ask for an "
    "older one",
    "ERC6372InconsistentClock": "the clock of the votes is not the block number: " + FAULT,
    "CheckpointUnorderedInsertion": "a checkpoint would be older than the last one: " + FAULT,
    "SafeCastOverflowedUintDowncast": "the number {value} does not fit {bits} bits: use a smaller "
    "one",
    "InvalidShortString": "a text is not a short one: " + FAULT,
    "StringTooLong": "a text is too long ({str}): use a shorter one",
    # --- every contract ---
    "Error": "the contract says: {reason}",
    "Panic": "the contract stopped at an internal check (code {code}): " + FAULT,
}
