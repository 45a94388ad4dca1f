"""All checks in their order."""

from __future__ import annotations

from metis_node.errors import MetisError
from metis_node.node.checkup.contracts import contract_findings
from metis_node.node.checkup.endpoints import clock_finding, endpoint_findings, look_at_all
from metis_node.node.checkup.finding import Finding, fail, ok
from metis_node.node.checkup.machine import (
    balance_findings,
    disk_finding,
    key_findings,
    port_finding,
)
from metis_node.node.checkup.signing import history_finding
from metis_node.node.config import Config
from metis_node.node.genesis_file import read_genesis_file
from metis_node.types.rules import ChainRules


def examine(config: Config, *, machine: bool = True) -> list[Finding]:
    """`machine`: also what a node needs that runs here; off where only stake is moved from here."""
    rules, findings = _genesis(config) if machine else (None, [])
    chain_id, l1_chain_id = (rules.chain_id, rules.l1_chain_id) if rules else (None, None)
    seen = look_at_all(config.l1.endpoints)
    findings += endpoint_findings(seen, l1_chain_id, stale_after_s=config.l1.stale_after_s)
    usable = [
        entry.url for entry in seen if not entry.problem and l1_chain_id in (None, entry.chain_id)
    ]
    url = usable[0] if usable else None
    findings += contract_findings(config.contracts_file, url, chain_id)
    findings.append(clock_finding(seen))
    if machine:
        findings.append(disk_finding(config.chain.data_dir))
        findings += key_findings(config)
        if rules is not None and rules.consensus is not None and config.sequencer.enabled:
            findings.append(history_finding(config, rules.chain_id))
        findings.append(port_finding(config, chain_id))
    findings += balance_findings(config, url)
    return findings


def _genesis(config: Config) -> tuple[ChainRules | None, list[Finding]]:
    """The rules that the genesis file names."""
    try:
        genesis = read_genesis_file(config.chain.genesis)
    except MetisError as error:
        return None, [fail("genesis", error.message, "set chain.genesis")]
    rules = genesis.rules
    words = f"L2 chain {rules.chain_id} on L1 chain {rules.l1_chain_id}"
    return rules, [ok("genesis", words)]
