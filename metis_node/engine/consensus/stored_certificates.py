"""Commit certificates of decided blocks as they are stored, with who signed recovered again."""

from __future__ import annotations

from metis_node._native import recover_signers
from metis_node.chain import block_store
from metis_node.chain.blockchain import Blockchain
from metis_node.codec.consensus import decode_message, signed_digests, with_senders
from metis_node.types.consensus import Certificate
from metis_node.types.signing import SigningDomain


def stored_certificate(chain: Blockchain, domain: SigningDomain, number: int) -> Certificate | None:
    """None where there is none: block 0, and blocks that came from L1. Takes some milliseconds for
    a large set: call it in a thread."""
    encoded = block_store.read_certificate(chain.store, number)
    if encoded is None:
        return None
    certificate = decode_message(encoded)
    senders = recover_signers(signed_digests(domain, certificate))
    signed = with_senders(certificate, senders)
    assert isinstance(signed, Certificate)
    return signed
