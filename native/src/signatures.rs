//! secp256k1 signatures over 32-byte digests, and the EIP-712 digests of votes.
//!
//! What is signed, by which key and whether, is decided in Python.

use alloy_primitives::{Address, B256, U256, keccak256, uint};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use rayon::prelude::*;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, SECP256K1, SecretKey};

use crate::convert::{bytes, hash};
use crate::guard::detached;

/// Signatures from which recovery goes to all cores; one takes about 30 microseconds.
const PARALLEL_ITEMS: usize = 4;
/// Half of the curve's order: a larger s is the malleable twin of a valid signature.
const HALF_ORDER: U256 =
    uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);
/// Added to the recovery id, as Ethereum's `ecrecover` wants it.
const V_BASE: u8 = 27;

/// 65 bytes: r, s (low), v. RFC 6979: one key signs one digest in one way only.
#[pyfunction]
pub fn sign_digest<'py>(
    py: Python<'py>,
    secret: &[u8],
    digest: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let key = <[u8; 32]>::try_from(secret)
        .ok()
        .and_then(|secret| SecretKey::from_byte_array(secret).ok())
        .ok_or_else(|| PyValueError::new_err("a secret key is 32 bytes below the curve's order"))?;
    let message = Message::from_digest(hash(digest)?.0);
    let signed = SECP256K1.sign_ecdsa_recoverable(message, &key);
    let (id, compact) = signed.serialize_compact();
    let mut signature = [0; 65];
    signature[..64].copy_from_slice(&compact);
    signature[64] = V_BASE + i32::from(id) as u8;
    Ok(bytes(py, &signature))
}

/// The address behind each (digest, signature); None where there is none.
#[pyfunction]
pub fn recover_signers<'py>(
    py: Python<'py>,
    items: Vec<(PyBackedBytes, PyBackedBytes)>,
) -> PyResult<Bound<'py, PyList>> {
    let signers = detached(py, "recover_signers", || Ok(recover_all(&items)))?;
    PyList::new(
        py,
        signers
            .iter()
            .map(|s| s.map(|address| bytes(py, address.as_slice()))),
    )
}

fn recover_all(items: &[(PyBackedBytes, PyBackedBytes)]) -> Vec<Option<Address>> {
    let one = |(digest, signature): &(PyBackedBytes, PyBackedBytes)| recover(digest, signature);
    if items.len() < PARALLEL_ITEMS {
        items.iter().map(one).collect()
    } else {
        items.par_iter().map(one).collect()
    }
}

fn recover(digest: &[u8], signature: &[u8]) -> Option<Address> {
    let digest = <[u8; 32]>::try_from(digest).ok()?;
    let signature = <&[u8; 65]>::try_from(signature).ok()?;
    if U256::from_be_slice(&signature[32..64]) > HALF_ORDER {
        return None;
    }
    let id = match signature[64].checked_sub(V_BASE)? {
        0 => RecoveryId::Zero,
        1 => RecoveryId::One,
        _ => return None,
    };
    let signed = RecoverableSignature::from_compact(&signature[..64], id).ok()?;
    let key = SECP256K1
        .recover_ecdsa(Message::from_digest(digest), &signed)
        .ok()?;
    Some(Address::from_raw_public_key(
        &key.serialize_uncompressed()[1..],
    ))
}

/// `metis_node.codec.signing.vote_digest` for many votes: (kind, height, round, hash).
#[pyfunction]
pub fn vote_digests<'py>(
    py: Python<'py>,
    separator: &[u8],
    votes: Vec<(u8, u64, u32, PyBackedBytes)>,
) -> PyResult<Bound<'py, PyList>> {
    let separator = hash(separator)?;
    let vote_type = keccak256(b"Vote(uint8 kind,uint64 height,uint32 round,bytes32 blockHash)");
    let digests = votes.iter().map(|(kind, height, round, value)| {
        let mut fields = [0; 160];
        fields[..32].copy_from_slice(vote_type.as_slice());
        fields[63] = *kind;
        fields[88..96].copy_from_slice(&height.to_be_bytes());
        fields[124..128].copy_from_slice(&round.to_be_bytes());
        fields[128..].copy_from_slice(hash(value)?.as_slice());
        Ok(bytes(py, typed_digest(&separator, &fields).as_slice()))
    });
    PyList::new(py, digests.collect::<PyResult<Vec<_>>>()?)
}

/// EIP-712: what is signed for an encoded struct.
fn typed_digest(separator: &B256, fields: &[u8]) -> B256 {
    let mut signed = [0; 66];
    signed[..2].copy_from_slice(b"\x19\x01");
    signed[2..34].copy_from_slice(separator.as_slice());
    signed[34..].copy_from_slice(keccak256(fields).as_slice());
    keccak256(signed)
}
