"""Inputs for the precompiled contracts: valid ones, edge cases and broken ones."""

from __future__ import annotations

import functools
import hashlib
import importlib
from collections.abc import Callable
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from eth_hash.auto import keccak

from tests.factories import key

# Imported so, as these packages do not declare what they export.
bls: Any = importlib.import_module("py_ecc.optimized_bls12_381")
bn: Any = importlib.import_module("py_ecc.optimized_bn128")

P256VERIFY = 0x100
PAIRINGS = (0x08, 0x0A, 0x0F)  # a second and more each in the specification: used seldom

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_BN_MODULUS = bn.field_modulus
_BLS_MODULUS = bls.field_modulus
_BLS_ORDER = bls.curve_order


def _word(value: int, size: int = 32) -> bytes:
    return value.to_bytes(size, "big")


def ecrecover(rng: Random) -> bytes:
    digest = rng.randbytes(32)
    y, r, s = key(rng.randrange(8)).sign(digest)
    v = rng.choice([27 + y, 27 + y, 28 - y, 0, 29, 1 << 248])
    if rng.random() < 0.1:
        r = rng.choice([0, 1 << 255, 2**256 - 1])
    return digest + _word(v) + _word(r) + _word(s)


def arbitrary(rng: Random) -> bytes:
    return rng.randbytes(rng.choice([0, 1, 31, 32, 33, 64, 100, 300]))


def modexp(rng: Random) -> bytes:
    """EIPs 198, 2565, 7823 and 7883: small, medium, and past the bound of 1,024 bytes."""
    sizes = [rng.choice([0, 1, 2, 31, 32, 33, 64, 96]) for _ in range(3)]
    if rng.random() < 0.15:
        sizes[rng.randrange(3)] = rng.choice([256, 1024, 1025, 2**32, 2**255])
    head = b"".join(_word(size) for size in sizes)
    if max(sizes) > 2048:
        return head + rng.randbytes(40)
    base, exponent, modulus = (rng.randbytes(size) for size in sizes)
    if rng.random() < 0.4 and sizes[1]:
        exponent = _word(rng.choice([0, 1, 2, 3, 65537, 0xFF]), 3)[-sizes[1] :].rjust(
            sizes[1], b"\0"
        )
    if rng.random() < 0.1:
        modulus = _word(rng.randrange(2), max(sizes[2], 1))[: sizes[2]]
    whole = head + base + exponent + modulus
    return whole[: rng.randrange(len(whole) + 1)] if rng.random() < 0.1 else whole


# --- BN254 (EIPs 196, 197) --------------------------------------------------------------------


@functools.cache
def _bn_g1(scalar: int) -> bytes:
    if scalar == 0:
        return bytes(64)
    x, y = bn.normalize(bn.multiply(bn.G1, scalar))
    return _word(int(x)) + _word(int(y))


@functools.cache
def _bn_g2(scalar: int) -> bytes:
    if scalar == 0:
        return bytes(128)
    x, y = bn.normalize(bn.multiply(bn.G2, scalar))
    parts = [x.coeffs[1], x.coeffs[0], y.coeffs[1], y.coeffs[0]]
    return b"".join(_word(int(part)) for part in parts)


def _scalar(rng: Random) -> int:
    return rng.choice([0, 1, 2, 3, 5, 9])


def bn_add(rng: Random) -> bytes:
    return _spoil(rng, _bn_g1(_scalar(rng)) + _bn_g1(_scalar(rng)))


def bn_mul(rng: Random) -> bytes:
    factor = rng.choice([0, 1, 2, bn.curve_order, 2**256 - 1, rng.getrandbits(256)])
    return _spoil(rng, _bn_g1(_scalar(rng)) + _word(factor))


def bn_pairing(rng: Random) -> bytes:
    """Nothing, a pair at infinity, or e(aG, bH) e(-abG, H) = 1, spoiled now and then."""
    if rng.random() < 0.3:
        return b""
    a, b = rng.randrange(1, 5), rng.randrange(1, 5)
    x, y = bn.normalize(bn.multiply(bn.G1, a * b))
    minus = _word(int(x)) + _word(_BN_MODULUS - int(y))
    return _spoil(rng, _bn_g1(a) + _bn_g2(b) + minus + _bn_g2(1))


def blake2f(rng: Random) -> bytes:
    """EIP-152: rounds, state, message, offsets, final flag."""
    flag = rng.choice([0, 1, 1, 2])
    whole = _word(rng.randrange(24), 4) + rng.randbytes(64 + 128 + 16) + bytes((flag,))
    return whole[:-1] if rng.random() < 0.1 else whole


# --- point evaluation (EIP-4844) --------------------------------------------------------------


def point_evaluation(rng: Random) -> bytes:
    """The commitment of a constant polynomial, whose proof is the point at infinity everywhere."""
    constant = rng.randrange(1, 6)
    commitment = _compressed(constant)
    versioned = b"\x01" + hashlib.sha256(commitment).digest()[1:]
    y = constant if rng.random() < 0.6 else rng.choice([0, constant + 1, _BLS_ORDER])
    proof = b"\xc0" + bytes(47)
    return _spoil(rng, versioned + _word(rng.randrange(99)) + _word(y) + commitment + proof, 0.1)


@functools.cache
def _compressed(scalar: int) -> bytes:
    x, y = bls.normalize(bls.multiply(bls.G1, scalar))
    sign = 1 << 381 if int(y) * 2 > _BLS_MODULUS else 0
    return _word(1 << 383 | sign | int(x), 48)


# --- BLS12-381 (EIP-2537) ---------------------------------------------------------------------


@functools.cache
def _bls_g1(scalar: int) -> bytes:
    if scalar == 0:
        return bytes(128)
    x, y = bls.normalize(bls.multiply(bls.G1, scalar))
    return _word(int(x), 64) + _word(int(y), 64)


@functools.cache
def _bls_g2(scalar: int) -> bytes:
    if scalar == 0:
        return bytes(256)
    x, y = bls.normalize(bls.multiply(bls.G2, scalar))
    return b"".join(_word(int(part), 64) for part in (*x.coeffs, *y.coeffs))


def g1_add(rng: Random) -> bytes:
    return _spoil(rng, _bls_g1(_scalar(rng)) + _bls_g1(_scalar(rng)))


def g2_add(rng: Random) -> bytes:
    return _spoil(rng, _bls_g2(_scalar(rng)) + _bls_g2(_scalar(rng)))


def _factor(rng: Random) -> bytes:
    return _word(rng.choice([0, 1, 7, _BLS_ORDER, 2**256 - 1, rng.getrandbits(64)]))


def g1_msm(rng: Random) -> bytes:
    terms = [_bls_g1(_scalar(rng)) + _factor(rng) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
    return _spoil(rng, b"".join(terms))


def g2_msm(rng: Random) -> bytes:
    terms = [_bls_g2(_scalar(rng)) + _factor(rng) for _ in range(rng.choice([0, 1, 1, 2]))]
    return _spoil(rng, b"".join(terms))


def bls_pairing(rng: Random) -> bytes:
    if rng.random() < 0.3:
        return b"" if rng.random() < 0.5 else bytes(384)
    a, b = rng.randrange(1, 4), rng.randrange(1, 4)
    x, y = bls.normalize(bls.multiply(bls.G1, a * b))
    minus = _word(int(x), 64) + _word(_BLS_MODULUS - int(y), 64)
    return _spoil(rng, _bls_g1(a) + _bls_g2(b) + minus + _bls_g2(1))


def _field_element(rng: Random) -> bytes:
    return _word(rng.choice([0, 1, _BLS_MODULUS - 1, _BLS_MODULUS, rng.getrandbits(380)]), 64)


def map_fp(rng: Random) -> bytes:
    return _field_element(rng) if rng.random() < 0.9 else rng.randbytes(63)


def map_fp2(rng: Random) -> bytes:
    return _field_element(rng) + _field_element(rng)


# --- secp256r1 (EIP-7951) ---------------------------------------------------------------------


@functools.cache
def _p256_key(index: int) -> ec.EllipticCurvePrivateKey:
    secret = int.from_bytes(keccak(b"p256 %d" % index), "big") % _P256_ORDER
    return ec.derive_private_key(secret, ec.SECP256R1())


def p256_verify(rng: Random) -> bytes:
    secret = _p256_key(rng.randrange(4))
    digest = rng.randbytes(32)
    r, s = utils.decode_dss_signature(secret.sign(digest, ec.ECDSA(utils.Prehashed(SHA256()))))
    if rng.random() < 0.3:
        r, s = rng.choice([(0, s), (r, 0), (r, _P256_ORDER - s), (_P256_ORDER, s), (s, r)])
    point = secret.public_key().public_numbers()
    whole = digest + _word(r) + _word(s) + _word(point.x) + _word(point.y)
    return _spoil(rng, whole)


def _spoil(rng: Random, data: bytes, chance: float = 0.2) -> bytes:
    """Sometimes cut, extend or change the input."""
    if rng.random() > chance or not data:
        return data
    cut = data[: rng.randrange(len(data))]
    changed = bytearray(data)
    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return rng.choice([cut, data + b"\0", bytes(changed)])


INPUTS: dict[int, Callable[[Random], bytes]] = {
    0x01: ecrecover,
    0x02: arbitrary,
    0x03: arbitrary,
    0x04: arbitrary,
    0x05: modexp,
    0x06: bn_add,
    0x07: bn_mul,
    0x08: bn_pairing,
    0x09: blake2f,
    0x0A: point_evaluation,
    0x0B: g1_add,
    0x0C: g1_msm,
    0x0D: g2_add,
    0x0E: g2_msm,
    0x0F: bls_pairing,
    0x10: map_fp,
    0x11: map_fp2,
    P256VERIFY: p256_verify,
}
