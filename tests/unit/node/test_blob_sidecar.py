"""Sidecars on the embedded L1: true ones pass, each kind of false one is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metis_node.codec import rlp
from metis_node.errors import InvalidTransaction
from metis_node.l1.blobs import Sidecar, encode_blob, make_sidecar
from metis_node.node.blob_sidecar import check_sidecar, parse_sidecar


@pytest.fixture(scope="module")
def blob_proofs() -> Sidecar:
    return make_sidecar([encode_blob(b"one"), encode_blob(b"two")], version=0)


@pytest.fixture(scope="module")
def cell_proofs() -> Sidecar:
    return make_sidecar([encode_blob(b"three")], version=1)


def pooled(sidecar: Sidecar, version: bytes | None = None) -> bytes:
    lists = [list(sidecar.blobs), list(sidecar.commitments), list(sidecar.proofs)]
    items: list[object] = [[b"\x01"], *([] if version is None else [version]), *lists]
    return b"\x03" + rlp.encode(items)  # type: ignore[arg-type]


def test_true_sidecars_pass_in_their_fork(blob_proofs: Sidecar, cell_proofs: Sidecar) -> None:
    for fork, sidecar, version in (("prague", blob_proofs, None), ("osaka", cell_proofs, b"\x01")):
        parsed = parse_sidecar(pooled(sidecar, version))
        assert parsed == sidecar
        check_sidecar(parsed, parsed.versioned_hashes, fork)


def test_a_sidecar_of_the_other_fork_is_refused(blob_proofs: Sidecar, cell_proofs: Sidecar) -> None:
    with pytest.raises(InvalidTransaction, match="osaka takes version 1"):
        check_sidecar(blob_proofs, blob_proofs.versioned_hashes, "osaka")
    with pytest.raises(InvalidTransaction, match="prague takes version 0"):
        check_sidecar(cell_proofs, cell_proofs.versioned_hashes, "prague")


@pytest.mark.parametrize("fork", ["prague", "osaka"])
def test_a_swapped_proof_is_refused(blob_proofs: Sidecar, cell_proofs: Sidecar, fork: str) -> None:
    sidecar = blob_proofs if fork == "prague" else cell_proofs
    proofs = (sidecar.proofs[1], sidecar.proofs[0], *sidecar.proofs[2:])
    with pytest.raises(InvalidTransaction, match="invalid KZG proof"):
        check_sidecar(replace(sidecar, proofs=proofs), sidecar.versioned_hashes, fork)


def test_bytes_that_are_no_field_element_or_no_point_are_refused(blob_proofs: Sidecar) -> None:
    wild = replace(blob_proofs, blobs=(b"\xff" * 131_072, blob_proofs.blobs[1]))
    with pytest.raises(InvalidTransaction, match="invalid KZG proof"):
        check_sidecar(wild, wild.versioned_hashes, "prague")
    pointless = replace(blob_proofs, proofs=(b"\x00" * 48, blob_proofs.proofs[1]))
    with pytest.raises(InvalidTransaction, match="invalid KZG proof"):
        check_sidecar(pointless, pointless.versioned_hashes, "prague")


def test_hashes_that_the_transaction_does_not_name_are_refused(blob_proofs: Sidecar) -> None:
    names = blob_proofs.versioned_hashes
    with pytest.raises(InvalidTransaction, match="do not match"):
        check_sidecar(blob_proofs, names[::-1], "prague")


@pytest.mark.parametrize("count", [0, 10])
def test_too_few_or_too_many_blobs_are_refused(blob_proofs: Sidecar, count: int) -> None:
    sidecar = Sidecar(
        version=0,
        blobs=blob_proofs.blobs[:1] * count,
        commitments=blob_proofs.commitments[:1] * count,
        proofs=blob_proofs.proofs[:1] * count,
        versioned_hashes=blob_proofs.versioned_hashes[:1] * count,
    )
    with pytest.raises(InvalidTransaction, match=f"{count} blobs in transaction"):
        check_sidecar(sidecar, sidecar.versioned_hashes, "prague")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\x03", "malformed"),
        (b"\x03\xc1\x80", "missing sidecar"),
        (b"\x03" + rlp.encode([[], b"\x02", [], [], []]), "unknown version"),
        (b"\x03" + rlp.encode([[], [b"short"], [b"c"], [b"p"]]), "131072 bytes"),
        (b"\x03" + rlp.encode([[], [bytes(131_072)], [], []]), "expected one commitment"),
    ],
)
def test_malformed_sidecars_are_refused(raw: bytes, words: str) -> None:
    with pytest.raises(InvalidTransaction, match=words):
        parse_sidecar(raw)
