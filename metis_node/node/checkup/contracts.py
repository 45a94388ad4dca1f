"""Checks of the contracts: is there an addresses file, is its code on the L1, whose L2 is it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from metis_node.codec.hashes import keccak256
from metis_node.errors import MetisError
from metis_node.l1.contract_abi import contract
from metis_node.l1.deployment.plan import GOVERNED
from metis_node.l1.deployment.record import DeploymentRecord, shown
from metis_node.node.checkup.finding import Finding, fail, ok, warn
from metis_node.node.deployment_file import read_record
from metis_node.node.json_rpc_client import JsonRpcClient

KNOWN_VERSIONS = frozenset({"1.0.0"})  # of the contracts that this software was written for


def contract_findings(file: Path, url: str | None, l2_chain_id: int | None) -> Iterator[Finding]:
    """`url`: an endpoint that answers; None where there is none."""
    try:
        record = read_record(file)
    except MetisError as error:
        yield fail("contracts", error.message, "get the addresses file of your network")
        return
    if not record.is_complete:
        yield fail("contracts", f"{file} is of a deployment that was cut short", "l1 deploy again")
        return
    yield from _against_genesis(record, l2_chain_id)
    if url is not None:
        try:
            yield from _on_chain(record, JsonRpcClient(url=url))
        except MetisError as error:
            yield fail("contracts", error.message, "try again, or use another L1 endpoint")


def _against_genesis(record: DeploymentRecord, l2_chain_id: int | None) -> Iterator[Finding]:
    if l2_chain_id is not None and record.l2_chain_id != l2_chain_id:
        yield fail(
            "contracts",
            f"of L2 chain {record.l2_chain_id}, the genesis file is of {l2_chain_id}",
            "name the addresses file of this network: l1.contracts",
        )


def _on_chain(record: DeploymentRecord, l1: JsonRpcClient) -> Iterator[Finding]:
    names = list(record.codes)
    calls = [("eth_getCode", [shown(record.codes[name].address), "latest"]) for name in names]
    found = l1.batch(calls)
    wrong = [
        name
        for name, code in zip(names, found, strict=True)
        if keccak256(bytes.fromhex(code[2:])) != record.codes[name].code_hash
    ]
    if wrong:
        yield fail(
            "contracts",
            f"other code than deployed at {', '.join(wrong)}",
            "wrong L1, or a file of another deployment: `metis-node l1 verify`",
        )
        return
    yield ok("contracts", f"{len(names)} with the code that was deployed, {record.name!r}")
    yield _versions(record, l1)


def _versions(record: DeploymentRecord, l1: JsonRpcClient) -> Finding:
    calls = []
    for name in GOVERNED:
        data = "0x" + contract(name).call("VERSION").hex()
        calls.append(("eth_call", [{"to": shown(record.addresses[name]), "data": data}, "latest"]))
    found = {
        name: str(contract(name).results("VERSION", bytes.fromhex(answer[2:]))[0])
        for name, answer in zip(GOVERNED, l1.batch(calls), strict=True)
    }
    words = ", ".join(f"{name} {version}" for name, version in found.items())
    if set(found.values()) - KNOWN_VERSIONS:
        return warn("contract versions", words, "newer than this software: is there an upgrade?")
    return ok("contract versions", words)
