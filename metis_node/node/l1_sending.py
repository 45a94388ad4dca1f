"""An L1 client and a sender that run for as long as a command needs them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from metis_node.errors import InvalidConfig
from metis_node.l1 import answers
from metis_node.l1.client import L1Client
from metis_node.l1.endpoint import Endpoint, EndpointFailed
from metis_node.l1.fees import FeeCaps
from metis_node.l1.send_state import SendPolicy
from metis_node.l1.sender import MAX_PENDING, TransactionSender
from metis_node.l1.signing import TransactionSigner
from metis_node.l1.spending import SpendLedger
from metis_node.node.runtime import most_severe

GWEI = 10**9
DEFAULT_MAX_FEE_GWEI = 200
NO_SPEND_CAP = 1 << 128  # a person has just seen what it costs
REQUEST_TIMEOUT_S = 10.0


@asynccontextmanager
async def connected(
    urls: Sequence[str], chain_id: int, *, named_by: str, timeout_s: float = REQUEST_TIMEOUT_S
) -> AsyncIterator[L1Client]:
    """A client of that very chain. InvalidConfig where an endpoint is of another one.

    `named_by`: the file that says which chain it must be.
    """
    for url in urls:
        await _check_chain(url, chain_id, named_by, timeout_s)
    client = L1Client(urls, chain_id=chain_id, timeout_s=timeout_s)
    try:
        yield client
    finally:
        await client.aclose()


async def _check_chain(url: str, chain_id: int, named_by: str, timeout_s: float) -> None:
    """An endpoint that does not answer may answer later; one of another chain never fits."""
    endpoint = Endpoint(url, timeout_s=timeout_s)
    try:
        found = answers.quantity(await endpoint.request("eth_chainId", []))
    except (EndpointFailed, answers.Malformed):
        return
    finally:
        await endpoint.aclose()
    if found != chain_id:
        raise InvalidConfig(
            f"the L1 at {endpoint.name} is chain {found}, but {named_by} names chain {chain_id}: "
            "nothing was sent; name an endpoint of that chain, or the right file"
        )


@asynccontextmanager
async def sending(
    client: L1Client,
    signer: TransactionSigner,
    *,
    confirmations: int,
    poll_s: float = 1.0,
    max_pending: int = MAX_PENDING,
    max_fee_gwei: int = DEFAULT_MAX_FEE_GWEI,
) -> AsyncIterator[TransactionSender]:
    """A running sender. What ends it ends the block, and its error is raised."""
    caps = FeeCaps(max_fee=max_fee_gwei * GWEI, max_blob_fee=0)
    sender = TransactionSender(
        client=client,
        account=signer,
        policy=SendPolicy(caps=caps, confirmations=confirmations),
        ledger=SpendLedger(cap=NO_SPEND_CAP),
        poll_s=poll_s,
        max_pending=max_pending,
        quiet=True,
    )
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(sender.run(), name="l1 sender")
            yield sender
            running.cancel()
    except BaseExceptionGroup as errors:
        raise most_severe(errors) from errors
