"""The key that this node signs with, if it has one: signing, and the watch for a second machine
that signs with it too."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from metis_node.codec.consensus import with_senders
from metis_node.consensus.guard import SigningRefusedError
from metis_node.consensus.inputs import MessageSigned, SigningRefused
from metis_node.engine.consensus.story import Story
from metis_node.engine.consensus.workers import apart
from metis_node.types.consensus import (
    Certificate,
    Message,
    Proposal,
    RoundCertificate,
    Signed,
    Vote,
    Yield,
)
from metis_node.types.primitives import Address

if TYPE_CHECKING:
    from metis_node.engine.consensus.signer import GuardedSigner


class OwnKey:
    """Event loop only."""

    def __init__(self, signer: GuardedSigner | None, story: Story) -> None:
        """`signer` None: the node watches."""
        self._signer = signer
        self._story = story
        self.stopped = ""  # why it does not sign any more, where it does not

    @property
    def address(self) -> Address | None:
        return None if self._signer is None else self._signer.address

    async def sign(self, message: Signed) -> MessageSigned | SigningRefused:
        """In a thread: the signing history is on disk before the signature is made."""
        if self._signer is None or self.stopped:
            return SigningRefused(message=message, reason=self.stopped or "no key")
        try:
            signature = await apart(partial(self._signer.sign, message))
        except SigningRefusedError as error:
            return SigningRefused(message=message, reason=error.message)
        signed = with_senders(replace(message, signature=signature), [self._signer.address])
        assert isinstance(signed, Vote | Proposal | Yield)
        return MessageSigned(message=signed)

    def look_at(self, message: Message) -> None:
        """Stop signing where somebody else signs with this key (rule C18)."""
        if self._signer is None or isinstance(message, Certificate | RoundCertificate):
            return
        if message.sender != self._signer.address or self.stopped:
            return
        if self._signer.guard.shows_another_signer(message):
            self.stopped = (
                f"this key signed for height {message.height}, round {message.round}, elsewhere: "
                "it runs on another machine. Stop one of the two; then start this node again"
            )
            self._story.signing_stopped(self.stopped)
