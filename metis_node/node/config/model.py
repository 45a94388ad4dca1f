"""Every key that a node's configuration may have, with its bounds and its default.

Reading files, environment and flags is in `loading.py`. A key that must be equal on all nodes of a
chain does not belong here but in the genesis file. Each field's description is also the help that
an error about it shows, so it says what the value is for and in which unit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from metis_node.node.config.values import AddressHex, HttpUrls, Names, Port

ENVIRONMENT_PREFIX = "METIS_NODE_"
DEFAULT_NAMESPACES = ("eth", "net", "web3", "txpool", "debug", "rpc", "metis")
NAMESPACES = (*DEFAULT_NAMESPACES, "admin")
DEVNET_BENEFICIARY = "0x4200000000000000000000000000000000000011"


class Section(BaseModel):
    """A table of the configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Chain(Section):
    genesis: Path = Field(
        default=Path("genesis/devnet.json"),
        description="genesis file of the chain; a relative path starts at the configuration file",
    )
    data_dir: Path = Field(
        default=Path("devnet-data"),
        description="directory of the database and the keys; a relative path starts at the working "
        "directory",
    )


class Storage(Section):
    block_cache_mb: int = Field(
        default=16, ge=1, le=65_536, description="LevelDB's cache of uncompressed blocks, MiB"
    )
    write_buffer_mb: int = Field(
        default=32, ge=1, le=1_024, description="LevelDB's write buffer, MiB; two may exist at once"
    )
    state_cache_mb: int = Field(
        default=64,
        ge=8,
        le=65_536,
        description="cache of accounts, slots, trie nodes and code, MiB",
    )
    history_blocks: int = Field(
        default=256,
        ge=256,
        le=100_000,
        description="blocks behind the head whose state eth_call and eth_getProof can still see",
    )


class Sequencer(Section):
    enabled: bool = Field(default=True, description="build blocks; off: serve what is stored")
    fee_recipient: AddressHex = Field(
        default=DEVNET_BENEFICIARY, description="address that earns the fees of blocks built here"
    )
    origin_wait_ms: int = Field(
        default=30_000,
        ge=0,
        le=3_600_000,
        description="time after which a new L1 block may be named as origin, milliseconds",
    )


class Network(Section):
    enabled: bool = Field(
        default=True, description="speak with other nodes, on a chain with validators"
    )
    host: str = Field(default="0.0.0.0", min_length=1, description="address to listen on for peers")
    port: Port = Field(default=9545, description="TCP port for peers; 0: any free one")
    bootstrap: Names = Field(
        default=(),
        description="peers that are always kept connected: /ip4/ADDRESS/tcp/PORT/p2p/PEER-ID",
    )
    announced: Names = Field(
        default=(), description="multiaddresses at which others reach this node, if other ones"
    )
    max_peers: int = Field(default=50, ge=1, le=1_000, description="peers at once")
    target_peers: int = Field(
        default=16, ge=1, le=1_000, description="peers below which known addresses are dialled"
    )
    mdns: bool = Field(default=False, description="find peers on the local network by multicast")


class Mempool(Section):
    transactions: int = Field(
        default=100_000, ge=16, le=5_000_000, description="transactions in the pool, all accounts"
    )
    bytes_mb: int = Field(
        default=128, ge=1, le=65_536, description="size of all transactions in the pool, MiB"
    )
    account_pending: int = Field(
        default=20_000, ge=1, le=1_000_000, description="executable transactions of one account"
    )
    account_queued: int = Field(
        default=256,
        ge=1,
        le=1_000_000,
        description="transactions of one account behind a nonce gap",
    )
    queued: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="transactions behind nonce gaps, all accounts",
    )
    lifetime_s: int = Field(
        default=10_800, ge=1, le=31_536_000, description="time a transaction may wait, seconds"
    )
    min_tip_wei: int = Field(
        default=0, ge=0, le=10**18, description="least priority fee per gas that is admitted, wei"
    )
    allow_unprotected: bool = Field(
        default=False, description="admit legacy transactions without a chain id (EIP-155)"
    )


class Rpc(Section):
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: Port = Field(default=8545, description="TCP port of HTTP and WebSocket; 0: any free one")
    namespaces: Names = Field(
        default=DEFAULT_NAMESPACES,
        description=f"method namespaces served, of {', '.join(NAMESPACES)}; whoever reaches the "
        "port of a node that serves admin can give its turn away",
    )
    allowed_origins: Names = Field(
        default=("*",), description="browser origins that may call (CORS); * is all, empty none"
    )
    virtual_hosts: Names = Field(
        default=(), description="names in the Host header that are served; empty: any name"
    )
    body_bytes: int = Field(
        default=5_000_000,
        ge=1_000,
        le=1 << 30,
        description="size of one HTTP request or WebSocket message, bytes",
    )
    batch_entries: int = Field(
        default=1_000, ge=1, le=100_000, description="entries of one JSON-RPC batch"
    )
    batch_response_bytes: int = Field(
        default=25_000_000, ge=1_000, le=1 << 31, description="size of the answer to a batch, bytes"
    )
    log_range_blocks: int = Field(
        default=100_000, ge=1, le=10**9, description="block range of one eth_getLogs"
    )
    log_results: int = Field(
        default=20_000, ge=1, le=10_000_000, description="logs in one answer of eth_getLogs"
    )
    call_gas: int = Field(
        default=50_000_000, ge=21_000, le=10**12, description="gas of eth_call and eth_estimateGas"
    )
    call_timeout_ms: int = Field(
        default=5_000, ge=10, le=600_000, description="time of one call, milliseconds"
    )
    trace_timeout_ms: int = Field(
        default=30_000, ge=10, le=3_600_000, description="time of one debug_trace, milliseconds"
    )
    connections: int = Field(
        default=4_096, ge=1, le=100_000, description="open connections, HTTP and WebSocket"
    )
    subscriptions: int = Field(
        default=128, ge=1, le=100_000, description="subscriptions of one WebSocket connection"
    )
    filters: int = Field(
        default=1_024, ge=1, le=1_000_000, description="polling filters (eth_newFilter) of the node"
    )
    client_rate: float = Field(
        default=0.0, ge=0, le=10**9, description="calls per second of one client; 0: no limit"
    )
    client_burst: int = Field(
        default=1_000, ge=1, le=10**9, description="calls at once of one client that has a rate"
    )

    @field_validator("namespaces")
    @classmethod
    def _known_namespaces(cls, namespaces: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in namespaces if name not in NAMESPACES]
        if unknown:
            raise ValueError(
                f"unknown namespace {unknown[0]!r}: use some of {', '.join(NAMESPACES)}"
            )
        return namespaces


class L1(Section):
    endpoints: HttpUrls = Field(
        default=("http://127.0.0.1:8546",),
        description="JSON-RPC endpoints of the L1, best first; empty: run without an L1",
    )
    beacon_endpoints: HttpUrls = Field(
        default=(),
        description="sources of blobs (beacon API); empty: the JSON-RPC endpoints themselves",
    )
    contracts: Path | None = Field(
        default=None,
        description="addresses file of the network's contracts, as `metis-node l1 deploy` writes "
        "it; unset: l1-contracts.json in the data directory",
    )
    origins: Literal["finalized", "confirmed"] = Field(
        default="confirmed",
        description="which L1 blocks may become origins; finalized ones can never be lost",
    )
    confirmations: int = Field(
        default=4, ge=0, le=4_096, description="L1 blocks on top of a confirmed one"
    )
    poll_interval_ms: int = Field(
        default=1_000, ge=50, le=600_000, description="time between two looks at the L1 head"
    )
    request_timeout_ms: int = Field(
        default=10_000, ge=100, le=600_000, description="time of one L1 request, milliseconds"
    )
    stale_after_s: int = Field(
        default=120,
        ge=1,
        le=86_400,
        description="age of the last L1 head from which the node is not ready, seconds",
    )
    quorum: int = Field(
        default=0,
        ge=0,
        le=16,
        description="endpoints that must agree on an L1 block and its logs; 0: half of them, "
        "rounded up",
    )


class Staking(Section):
    reorg_depth: int = Field(
        default=64,
        ge=1,
        le=4_096,
        description="L1 blocks that a reorganisation may take back before the node stops",
    )


class Batcher(Section):
    enabled: bool = Field(default=True, description="post batches to the L1")
    data: Literal["auto", "blobs", "calldata"] = Field(
        default="auto", description="where batch data goes; auto: whichever is cheaper"
    )
    max_channel_age_s: int = Field(
        default=30, ge=1, le=86_400, description="age at which an open batch is closed, seconds"
    )
    target_blobs: int = Field(
        default=3, ge=1, le=6, description="blobs in one L1 transaction when there is data enough"
    )
    confirmations: int = Field(
        default=3, ge=1, le=4_096, description="L1 blocks after which a posted batch counts"
    )
    max_fee_gwei: int = Field(
        default=500, ge=1, le=1_000_000, description="fee per gas above which posting waits, gwei"
    )
    max_blob_fee_gwei: int = Field(
        default=500, ge=1, le=1_000_000, description="fee per blob gas above which posting waits"
    )
    spend_cap_per_day_eth: float = Field(
        default=10.0, gt=0, le=1_000_000, description="most that posting may cost in 24 h, ether"
    )


class Keys(Section):
    dir: Path | None = Field(
        default=None, description="directory of keystore files; unset: keys/ in the data directory"
    )
    batcher: str = Field(
        default="batcher",
        min_length=1,
        description="name of the key that pays for batches on the L1",
    )
    owner: str = Field(
        default="owner",
        min_length=1,
        description="name of the key that owns a sequencer's stake; best kept off this machine",
    )
    signer: str = Field(
        default="signer",
        min_length=1,
        description="name of the key that signs for a sequencer on the L2",
    )
    password_file: Path | None = Field(
        default=None, description="file (mode 0600) with the password of the keystores"
    )
    password: SecretStr | None = Field(
        default=None, description="password of the keystores; better a file, or the environment"
    )


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severity that is written"
    )
    format: Literal["auto", "text", "json"] = Field(
        default="auto", description="auto: text on a terminal, JSON elsewhere"
    )


class Config(BaseSettings):
    """The whole configuration of a node."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        validate_default=True,
    )

    chain: Chain = Chain()
    storage: Storage = Storage()
    sequencer: Sequencer = Sequencer()
    network: Network = Network()
    mempool: Mempool = Mempool()
    rpc: Rpc = Rpc()
    l1: L1 = L1()
    staking: Staking = Staking()
    batcher: Batcher = Batcher()
    keys: Keys = Keys()
    log: Log = Log()

    @property
    def keys_dir(self) -> Path:
        return self.keys.dir or self.chain.data_dir / "keys"

    @property
    def contracts_file(self) -> Path:
        return self.l1.contracts or self.chain.data_dir / "l1-contracts.json"


def key_paths() -> dict[str, tuple[str, str]]:
    """Every key as `section.name`, with its section and name, in the order of the model."""
    return {
        f"{section}.{name}": (section, name)
        for section, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        for name in field.annotation.model_fields
    }


def describe_key(key: str) -> str:
    """What the key is for, as its field says."""
    section, name = key_paths()[key]
    annotation = Config.model_fields[section].annotation
    assert isinstance(annotation, type)
    assert issubclass(annotation, Section)
    return annotation.model_fields[name].description or ""
