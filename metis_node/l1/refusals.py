"""Each error of the contracts in words for an operator, with the next step. Pure.

A test walks the ABIs: an error without its words here fails it. In the templates `{name}` is an
argument of the error; after the colon stands how to show it (see `_Shown`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metis_node.l1.amounts import POWER_PER_METIS, format_metis, format_time
from metis_node.l1.reverts import Revert

STATUS_NAMES = ("unavailable", "inactive", "active", "unlocked", "pending")
PROPOSAL_STATES = (
    "pending",
    "active",
    "canceled",
    "defeated",
    "succeeded",
    "queued",
    "expired",
    "executed",
)
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


def explain(revert: Revert) -> str:
    """What went wrong and what to do, in one sentence or two."""
    template = REFUSALS.get(revert.name)
    if template is None:
        shown = "0x" + revert.data[:68].hex() if revert.data else "no data"
        return (
            f"the contract refused without words that this version knows ({shown}): is this "
            "version older than the contracts? `l1 verify` tells"
        )
    return template.format_map({name: _Shown(value) for name, value in revert.arguments.items()})


class _Shown:
    """A value that knows how to print itself by the word after the colon."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __format__(self, how: str) -> str:
        value = self._value
        match how:
            case "address":
                return _address(value)
            case "metis":
                return format_metis(value)
            case "power":
                return format_metis(value * POWER_PER_METIS)
            case "time":
                return format_time(value) if value else "none"
            case "key":
                return bytes(value).rstrip(b"\0").decode(errors="replace")
            case "status":
                return _named(STATUS_NAMES, value)
            case "proposal_state":
                return _named(PROPOSAL_STATES, value)
        if how:
            raise ValueError(f"no way to show a value as {how!r}")
        return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _named(names: tuple[str, ...], index: int) -> str:
    return names[index] if index < len(names) else f"in state {index}"


def _address(value: str) -> str:
    from eth_utils.address import to_checksum_address

    return to_checksum_address(value)
