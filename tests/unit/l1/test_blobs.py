"""Blobs: every byte comes back, what others make of them is refused, proofs verify."""

from __future__ import annotations

import ckzg
import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st

from metis_node.errors import InvalidBatch
from metis_node.l1 import blobs
from metis_node.l1.blobs import BLOB_BYTES, BLOB_CAPACITY, decode_blob, encode_blob


@given(st.one_of(st.binary(max_size=300), st.integers(0, BLOB_CAPACITY).map(lambda n: b"\xff" * n)))
@settings(deadline=None, max_examples=40)
def test_data_comes_back_from_a_blob(data: bytes) -> None:
    blob = encode_blob(data)
    assert len(blob) == BLOB_BYTES
    assert not any(blob[::32])
    assert decode_blob(blob) == data


def changed(position: int, value: int, data: bytes = b"hello") -> bytes:
    blob = bytearray(encode_blob(data))
    blob[position] = value
    return bytes(blob)


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (b"", "0 bytes"),
        (encode_blob(b"")[:-1], "131071 bytes"),
        (changed(32, 1), "zero byte"),
        (changed(1, 2), "version 2 is unknown"),
        (changed(2, 255), "claims 16711685 bytes"),
        (changed(BLOB_BYTES - 1, 1), "after its end"),
    ],
)
def test_what_is_no_blob_of_ours_is_refused(blob: bytes, words: str) -> None:
    with pytest.raises(InvalidBatch, match=words):
        decode_blob(blob)


def test_a_sidecar_of_version_0_proves_its_blobs() -> None:
    made = [encode_blob(b"one"), encode_blob(b"two")]
    sidecar = blobs.make_sidecar(made, version=0)
    setup = blobs.trusted_setup()
    assert ckzg.verify_blob_kzg_proof_batch(
        b"".join(made), b"".join(sidecar.commitments), b"".join(sidecar.proofs), setup
    )
    assert [blobs.hash_of_blob(blob) for blob in made] == list(sidecar.versioned_hashes)


def test_a_sidecar_of_version_1_proves_every_cell() -> None:
    blob = encode_blob(b"cells")
    sidecar = blobs.make_sidecar([blob], version=1)
    setup = blobs.trusted_setup()
    cells, proofs = ckzg.compute_cells_and_kzg_proofs(blob, setup)
    assert list(sidecar.proofs) == proofs
    assert len(proofs) == 128
    assert ckzg.verify_cell_kzg_proof_batch(
        list(sidecar.commitments) * 128, list(range(128)), cells, list(sidecar.proofs), setup
    )


def test_the_pooled_encoding_has_the_version_only_where_it_is_1() -> None:
    signed = b"\x03" + rlp.encode([b"body"])
    blob = encode_blob(b"x")
    old = blobs.pooled_encoding(signed, blobs.make_sidecar([blob], version=0))
    new = blobs.pooled_encoding(signed, blobs.make_sidecar([blob], version=1))
    assert [len(part) for part in rlp.decode(old[1:])] == [1, 1, 1, 1]
    assert [len(part) for part in rlp.decode(new[1:])] == [1, 1, 1, 1, 128]


@pytest.mark.parametrize("count", [0, 7])
def test_too_few_or_too_many_blobs_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 6"):
        blobs.make_sidecar([encode_blob(b"x")] * count, version=0)


def test_an_unknown_sidecar_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 2"):
        blobs.make_sidecar([encode_blob(b"x")], version=2)


def test_a_blob_outside_the_field_is_refused() -> None:
    with pytest.raises(InvalidBatch, match="not a blob"):
        blobs.hash_of_blob(b"\xff" * BLOB_BYTES)
