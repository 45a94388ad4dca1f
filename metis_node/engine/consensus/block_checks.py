"""What can be said of a block that a peer sent before anything is executed: that it is the one that
was signed for, and that its body is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metis_node.codec.block_messages import BlockProposal, DecidedBlock
from metis_node.codec.headers import open_sealed
from metis_node.consensus.certificates import check_certificate
from metis_node.consensus.members import Members
from metis_node.engine.consensus.bodies import is_body_of
from metis_node.engine.consensus.candidates import Candidates
from metis_node.errors import InvalidBlock
from metis_node.types.blocks import SealedHeader
from metis_node.types.consensus import Member
from metis_node.types.primitives import Address

if TYPE_CHECKING:
    from metis_node.staking.epochs import EpochWindow


def checked_proposal(candidates: Candidates, value: BlockProposal) -> tuple[SealedHeader, Address]:
    """Header and builder. Raises InvalidBlock."""
    sealed, builder = candidates.open(value.header_rlp)
    if sealed.hash != value.proposal.block_hash:
        raise InvalidBlock("the proposal names another block than it carries")
    if not value.hashes and not is_body_of(sealed, value.transactions or ()):
        raise InvalidBlock("the proposal carries other transactions than its block has")
    return sealed, builder


def checked_decided(block: DecidedBlock, window: EpochWindow) -> SealedHeader:
    """Rule C25: the header, if more than 2/3 of the epoch's power signed for it. Raises Invalid."""
    sealed = open_sealed(block.header_rlp)
    if sealed.hash != block.certificate.block_hash:
        raise InvalidBlock("the certificate is of another block")
    if block.transactions is not None and not is_body_of(sealed, block.transactions):
        raise InvalidBlock("the decided block carries other transactions than it has")
    check_certificate(block.certificate, Members(members_of(window), 0))
    return sealed


def members_of(window: EpochWindow) -> tuple[Member, ...]:
    """Who votes, in the order of the epoch."""
    return tuple(Member(signer=one.signer, power=one.power) for one in window.current.order)
