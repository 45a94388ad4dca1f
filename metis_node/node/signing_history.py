"""The history of what a signer's key signed, for its operator: look at it, carry it to another
machine, begin it. What it keeps from being signed is in `consensus/guard.py`.

A history begins only by an explicit order. Whoever changes or copies it holds the lock of the data
directory: no node signs meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from metis_node._native import recover_signers
from metis_node.chain import block_store
from metis_node.chain.blockchain import Blockchain
from metis_node.codec.consensus import decode_message, signed_digests
from metis_node.consensus.guard import Duty, Guard, guard_from_json, merged
from metis_node.engine.consensus.journal import JOURNAL_FILE
from metis_node.engine.consensus.signer import GUARD_FILE, GuardFile
from metis_node.errors import CorruptStore, InvalidConfig
from metis_node.node.assembly import expected_genesis, is_initialised, opened_blockchain
from metis_node.node.consensus_assembly import signing_domain
from metis_node.node.keys import KeyDirectory
from metis_node.staking.epochs import FIRST_VERSION
from metis_node.types.primitives import Address

if TYPE_CHECKING:
    from metis_node.node.config import LoadedConfig

MAX_FILE_BYTES = 64 << 10
BLOCKS_LOOKED_AT = 256  # certificates in which the key's own signature is looked for
DAMAGED_SUFFIX = ".damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOwner:
    """Whose history it is."""

    signer: Address
    chain_id: int

    def require(self, guard: Guard) -> Guard:
        """InvalidConfig where the history is another's."""
        if (guard.signer, guard.chain_id) != (self.signer, self.chain_id):
            raise InvalidConfig(
                f"this is the signing history of key 0x{guard.signer.hex()} on chain "
                f"{guard.chain_id}; this node signs as 0x{self.signer.hex()} on {self.chain_id}"
            )
        return guard


class SigningHistory:
    """Of the key that the configuration names. Only `show` is for a directory that is in use."""

    def __init__(self, loaded: LoadedConfig) -> None:
        config = loaded.config
        self._loaded = loaded
        self._data_dir = config.chain.data_dir
        self.path = self._data_dir / GUARD_FILE
        entry = KeyDirectory(config.keys_dir).entry(config.keys.signer)
        self._signer = Address(bytes.fromhex(entry.address[2:]))

    def show(self) -> Guard:
        """As it is now. InvalidConfig where there is none."""
        with self._opened() as file:
            return self._require(file.guard)

    def export(self, target: Path) -> Guard:
        """Write it as JSON into a new file of mode 0600."""
        with self._locked(), self._opened() as file:
            guard = self._require(file.guard)
            _write_new(target, orjson.dumps(guard.to_json(), option=orjson.OPT_INDENT_2) + b"\n")
            return guard

    def import_file(self, source: Path) -> Guard:
        """Take over what another machine signed; where there is a history, the higher marks."""
        given = _read(source)
        with self._locked() as chain, self._opened() as file:
            self._owner(chain).require(given)
            guard = given if file.guard is None else merged(file.guard, given)
            file.store(guard)
            return guard

    def begin_unused(self) -> Guard:
        """The key never signed. InvalidConfig where something shows that it did."""
        with self._locked() as chain:
            self._refuse_existing()
            self._refuse_traces(chain)
            return self._begin(self._fresh(chain))

    def begin_above(self, floor: int) -> Guard:
        """Refuse everything up to `floor` for ever. A history that is there keeps what is higher;
        one that does not read is put aside."""
        with self._locked() as chain:
            signed = _last_signed(chain, self._signer) if chain is not None else None
            if signed is not None and floor < signed:
                raise InvalidConfig(
                    f"the key signed block {signed}: the floor must be at least that, better one "
                    "above the head of the other nodes"
                )
            self._put_damaged_aside()
            with self._opened() as file:
                guard = (file.guard or self._fresh(chain)).floored(floor)
                self._owner(chain).require(guard)
                file.store(guard)
                return guard

    def _fresh(self, chain: Blockchain | None) -> Guard:
        owner = self._owner(chain)
        return Guard(signer=owner.signer, chain_id=owner.chain_id, version=FIRST_VERSION)

    def _begin(self, guard: Guard) -> Guard:
        self._data_dir.mkdir(parents=True, exist_ok=True)
        with self._opened() as file:
            file.store(guard)
        return guard

    def _refuse_existing(self) -> None:
        if self.path.exists():
            raise InvalidConfig(
                f"there is a signing history at {self.path}: it holds what the key signed, and is "
                "not begun again. `metis-node keys protection init --floor HEIGHT` raises it"
            )

    def _refuse_traces(self, chain: Blockchain | None) -> None:
        """What shows that the key signed."""
        way_out = (
            "import the history of the machine it ran on, or name a height above all that it "
            "signed: `metis-node keys protection init --floor HEIGHT`"
        )
        journal = self._data_dir / JOURNAL_FILE
        if journal.exists():
            raise InvalidConfig(
                f"the node of this directory took part in the agreement ({journal}), so its key "
                f"has signed: {way_out}"
            )
        signed = _last_signed(chain, self._signer) if chain is not None else None
        if signed is not None:
            raise InvalidConfig(f"the key has signed: its vote decided block {signed}; {way_out}")

    def _put_damaged_aside(self) -> None:
        try:
            with self._opened():
                pass
        except CorruptStore:
            os.replace(self.path, self.path.with_name(self.path.name + DAMAGED_SUFFIX))

    def _require(self, guard: Guard | None) -> Guard:
        if guard is None:
            raise InvalidConfig(
                f"there is no signing history at {self.path}: the key has signed nothing on this "
                "machine. `metis-node keys protection import` brings one, `... init` begins one"
            )
        return guard

    def _owner(self, chain: Blockchain | None) -> HistoryOwner:
        if chain is not None:
            return HistoryOwner(signer=self._signer, chain_id=chain.rules.chain_id)
        genesis = expected_genesis(self._loaded)
        if genesis is None:
            raise InvalidConfig(
                "there is neither a chain in the data directory nor a genesis file: name one with "
                "chain.genesis, so that the history says of which chain it is"
            )
        return HistoryOwner(signer=self._signer, chain_id=genesis.rules.chain_id)

    @contextmanager
    def _opened(self) -> Iterator[GuardFile]:
        file = GuardFile(self.path)
        try:
            yield file
        finally:
            file.close()

    @contextmanager
    def _locked(self) -> Iterator[Blockchain | None]:
        """No node runs on the directory. None where it has no chain yet: none can."""
        config = self._loaded.config
        if not is_initialised(self._data_dir):
            self._data_dir.mkdir(parents=True, exist_ok=True)
            yield None
            return
        with opened_blockchain(self._data_dir, config.storage, None) as chain:
            yield chain


def watermarks(guard: Guard) -> dict[str, str]:
    """Of each duty, in words."""
    named = {duty.value: guard.mark(duty) for duty in Duty}
    return {
        name: "nothing signed" if mark.height < 0 else mark.describe()
        for name, mark in named.items()
    }


def _last_signed(chain: Blockchain, signer: Address) -> int | None:
    """The highest of the last blocks whose certificate holds a vote of this key."""
    if chain.rules.consensus is None:
        return None
    domain, head = signing_domain(chain.rules), chain.head.number
    for number in range(head, max(0, head - BLOCKS_LOOKED_AT), -1):
        encoded = block_store.read_certificate(chain.store, number)
        if encoded is None:
            continue
        digests = signed_digests(domain, decode_message(encoded))
        if signer in recover_signers(digests):
            return number
    return None


def _read(path: Path) -> Guard:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidConfig(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise InvalidConfig(f"{path} is larger than a signing history may be")
    try:
        value: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidConfig(
            f"{path} is no JSON ({error}): it is the file that `metis-node keys protection export` "
            "writes"
        ) from None
    return guard_from_json(value)


def _write_new(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidConfig(f"{path} exists already: name another file") from None
    except OSError as error:
        raise InvalidConfig(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
