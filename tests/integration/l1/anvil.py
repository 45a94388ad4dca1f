"""A real anvil on a free port, with the controls that the tests of this folder use."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
from eth_account import Account
from eth_account.signers.local import LocalAccount

BINARY = (
    Path(__file__).parents[3] / "node_modules" / "@foundry-rs" / "anvil-linux-amd64" / "bin/anvil"
)
CHAIN_ID = 31_337
# The first accounts of anvil's default mnemonic: published test keys, funded by anvil itself.
FUNDED_KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
)


class Anvil:
    """One running anvil. Blocks are mined only when a test says so, unless started otherwise."""

    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._session = session

    async def rpc(self, method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        async with self._session.post(self.url, json=request) as response:
            answer = await response.json()
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    async def mine(self, blocks: int = 1) -> None:
        await self.rpc("anvil_mine", hex(blocks))

    async def pool(self) -> dict[str, Any]:
        """Pending transactions by sender and nonce."""
        content: dict[str, Any] = (await self.rpc("txpool_content"))["pending"]
        return content

    async def wait_for_pool(self, count: int) -> None:
        """Until the pool holds this many transactions ready to be mined."""

        async def reached() -> bool:
            return int((await self.rpc("txpool_status"))["pending"], 16) == count

        await eventually(reached)

    async def wait_for_pool_at_least(self, count: int) -> None:
        async def reached() -> bool:
            return int((await self.rpc("txpool_status"))["pending"], 16) >= count

        await eventually(reached)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Ask another process until it says yes. TimeoutError if it never does."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the event is in another process
            await asyncio.sleep(0.02)


def account(index: int = 0) -> LocalAccount:
    signer: LocalAccount = Account.from_key(FUNDED_KEYS[index])
    return signer


@contextlib.asynccontextmanager
async def running_anvil(*flags: str, mining: bool = False) -> AsyncIterator[Anvil]:
    if not BINARY.exists():
        raise AssertionError("anvil is missing: run `npm ci --ignore-scripts` in the repository")
    arguments = ["--port", "0", "--no-request-size-limit", *flags]
    if not mining:
        arguments.append("--no-mining")
    process = await asyncio.create_subprocess_exec(
        str(BINARY), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    drain: asyncio.Task[bytes] | None = None
    try:
        assert process.stdout is not None
        port = await _listening_port(process.stdout)
        drain = asyncio.ensure_future(process.stdout.read())
        async with aiohttp.ClientSession() as session:
            yield Anvil(port, session)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if drain is not None:
            await drain


async def _listening_port(output: asyncio.StreamReader) -> int:
    async with asyncio.timeout(20):
        async for line in output:
            if line.startswith(b"Listening on "):
                return int(line.rsplit(b":", 1)[1])
    raise AssertionError("anvil ended before it listened")
