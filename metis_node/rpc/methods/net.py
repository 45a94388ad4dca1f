"""net_ and web3_: who this node is."""

from __future__ import annotations

from typing import Any

from metis_node.codec.hashes import keccak256
from metis_node.rpc import hexadecimal
from metis_node.rpc.backend import Backend
from metis_node.rpc.method import Method
from metis_node.rpc.session import Session


class Net:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._version = str(backend.blockchain.rules.chain_id)

    def methods(self) -> list[Method]:
        return [
            Method("net_version", self.version),
            Method("net_listening", self.listening),
            Method("net_peerCount", self.peer_count),
            Method("web3_clientVersion", self.client_version),
            Method("web3_sha3", self.sha3),
        ]

    def version(self, _params: list[Any], _session: Session) -> str:
        return self._version

    def listening(self, _params: list[Any], _session: Session) -> bool:
        return True

    def peer_count(self, _params: list[Any], _session: Session) -> str:
        return hex(self._backend.peer_count())

    def client_version(self, _params: list[Any], _session: Session) -> str:
        return self._backend.client_version

    def sha3(self, params: list[Any], _session: Session) -> str:
        return "0x" + keccak256(hexadecimal.data(params, 0)).hex()
