"""Checks of this machine: disk, ports, keys, and what the accounts have on the L1."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from metis_node.errors import MetisError
from metis_node.l1.amounts import format_duration, format_ether
from metis_node.l1.spending import SpendLedger
from metis_node.node.checkup.finding import Finding, fail, ok, skip, warn
from metis_node.node.config import Config
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.keys import KeyDirectory, read_password_file

GIB = 1 << 30
DISK_FAIL_BYTES = 2 * GIB  # a synced write that finds no room stops the node
DISK_WARN_BYTES = 20 * GIB
RUNWAY_WARN_S = 3 * 86_400
LITTLE_ETHER = 10**16  # some dozens of transactions on a quiet L1
SPENDING_FILE = "l1-spending.json"


def disk_finding(data_dir: Path) -> Finding:
    place = data_dir.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    words = f"{free / GIB:.1f} GiB free for {data_dir}"
    if free < DISK_FAIL_BYTES:
        return fail("disk", words, "make room, or put chain.data_dir on a larger disk")
    if free < DISK_WARN_BYTES:
        return warn("disk", words, "a chain grows: plan for more room")
    return ok("disk", words)


def port_finding(config: Config, l2_chain_id: int | None) -> Finding:
    """Free, or taken by a node of this very chain."""
    host, port = config.rpc.host, config.rpc.port
    check = f"port {port}"
    if port == 0:
        return ok("port", "any free one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return _taken(check, host, port, l2_chain_id, error)
    return ok(check, f"free on {host}")


def key_findings(config: Config) -> Iterator[Finding]:
    """Each key that this machine needs: there, private, and opened by the password."""
    password, problem = _password(config)
    if problem is not None:
        yield problem
    needed = {"signer": config.keys.signer}
    if config.batcher.enabled and config.sequencer.enabled:
        needed["batcher"] = config.keys.batcher
    for role, name in needed.items():
        yield _key(config, role, name, password, is_needed=True)
    yield _key(config, "owner", config.keys.owner, password, is_needed=False)


def balance_findings(config: Config, url: str | None) -> Iterator[Finding]:
    """What the accounts of this machine can still pay for on the L1."""
    if url is None:
        yield skip("balances", "no L1 endpoint answers")
        return
    names = {"owner": config.keys.owner}
    if config.batcher.enabled and config.sequencer.enabled:
        names["batcher"] = config.keys.batcher
    for role, name in names.items():
        try:
            address = KeyDirectory(config.keys_dir).entry(name).address
        except MetisError:
            continue  # said by the check of the keys
        yield _balance(config, JsonRpcClient(url=url), role, address)


def _taken(check: str, host: str, port: int, l2_chain_id: int | None, error: OSError) -> Finding:
    own = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    try:
        found = int(JsonRpcClient(url=f"http://{own}:{port}").call("eth_chainId"), 16)
    except (MetisError, ValueError, TypeError):
        found = None
    if found is not None and found == l2_chain_id:
        return ok(check, f"a node of chain {found} serves on it")
    return fail(check, f"{host}:{port}: {error.strerror}", "stop what uses it, or set rpc.port")


def _password(config: Config) -> tuple[str | None, Finding | None]:
    """Without asking: a check must not wait for a person."""
    keys = config.keys
    if keys.password is not None:
        return keys.password.get_secret_value(), None
    if keys.password_file is None:
        words = "not configured: keys were found but not opened"
        return None, skip("password", words)
    try:
        return read_password_file(keys.password_file), None
    except MetisError as error:
        return None, fail("password", error.message, "mend keys.password_file")


def _key(config: Config, role: str, name: str, password: str | None, *, is_needed: bool) -> Finding:
    check, directory = f"key {role}", KeyDirectory(config.keys_dir)
    if not (directory.path / f"{name}.json").exists():
        if not is_needed:
            return skip(check, f"not on this machine ({name}), which is as it should be")
        return fail(
            check,
            f"there is none named {name!r} in {directory.path}",
            f"`metis-node keys new {name}` or `keys import`",
        )
    try:
        address = directory.entry(name).address
        if password is None:
            return ok(check, f"{address}, not opened")
        directory.unlock(name, password)
    except MetisError as error:
        return fail(check, error.message, "mend the file or its password")
    return ok(check, f"{address}, opens")


def _balance(config: Config, l1: JsonRpcClient, role: str, address: str) -> Finding:
    check = f"balance {role}"
    try:
        wei = int(l1.call("eth_getBalance", address, "latest"), 16)
    except MetisError as error:
        return fail(check, error.message, "try again, or use another L1 endpoint")
    words = f"{format_ether(wei)} on L1"
    if role == "batcher":
        runway = _runway(config, wei)
        if runway is not None:
            words += f", lasts {format_duration(runway)} at the pace of the last day"
            if runway < RUNWAY_WARN_S:
                return warn(check, words, f"send ether to {address}")
    if not wei and role == "batcher":
        return fail(check, words, f"send ether to {address}: it pays for the batches")
    if wei < LITTLE_ETHER:
        return warn(check, words, f"send ether to {address}: it pays for transactions")
    return ok(check, words)


def _runway(config: Config, wei: int) -> int | None:
    ledger = SpendLedger(cap=0, file=config.chain.data_dir / SPENDING_FILE)
    ledger.load()
    return ledger.runway_s(time.time_ns() // 1_000_000, wei)
