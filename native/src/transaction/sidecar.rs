//! Blob sidecars: the pooled form of type-3 transactions (EIP-4844; with a version, EIP-7594).
//!
//! `0x03 ‖ rlp([transaction, blobs, commitments, proofs])` or
//! `0x03 ‖ rlp([transaction, 1, blobs, commitments, cell proofs])`. Shape and commitments are checked
//! here; the KZG proofs are checked by whoever stores the blobs.

use alloy_eips::eip4844::{BYTES_PER_BLOB, BYTES_PER_COMMITMENT, kzg_to_versioned_hash};
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Header;

use super::Refused;
use super::decode::malformed;

/// Cell proofs of one blob (EIP-7594, `CELLS_PER_EXT_BLOB`).
const CELL_PROOFS_PER_BLOB: usize = 128;

pub struct Pooled {
    /// `0x03 ‖ rlp(transaction)`
    pub canonical: Vec<u8>,
    /// RLP list of what follows the transaction.
    pub sidecar: Bytes,
}

/// Takes a type-3 transaction apart; None where it came in the canonical form, without a sidecar.
pub fn split(raw: &[u8]) -> Result<Option<Pooled>, Refused> {
    let mut rest = &raw[1..];
    let payload = Header::decode_bytes(&mut rest, true).map_err(malformed)?;
    if !rest.is_empty() {
        return Err(malformed("trailing bytes"));
    }
    if payload.first().is_none_or(|byte| *byte < 0xc0) {
        return Ok(None);
    }
    let mut tail = payload;
    Header::decode_bytes(&mut tail, true).map_err(malformed)?;
    let body = &payload[..payload.len() - tail.len()];
    let canonical = [&raw[..1], body].concat();
    let mut sidecar = Vec::with_capacity(tail.len() + 5);
    Header {
        list: true,
        payload_length: tail.len(),
    }
    .encode(&mut sidecar);
    sidecar.extend_from_slice(tail);
    Ok(Some(Pooled {
        canonical,
        sidecar: sidecar.into(),
    }))
}

/// Checks counts, sizes and that the commitments hash to `hashes`.
pub fn check(sidecar: &[u8], hashes: &[B256]) -> Result<(), Refused> {
    let mut rest = sidecar;
    let mut fields = Header::decode_bytes(&mut rest, true).map_err(malformed)?;
    let cells = version(&mut fields)?;
    let proofs_per_blob = if cells { CELL_PROOFS_PER_BLOB } else { 1 };
    count(&mut fields, "blobs", BYTES_PER_BLOB, hashes.len())?;
    let commitments = count(
        &mut fields,
        "commitments",
        BYTES_PER_COMMITMENT,
        hashes.len(),
    )?;
    let proofs = hashes.len() * proofs_per_blob;
    count(&mut fields, "proofs", BYTES_PER_COMMITMENT, proofs)?;
    if !fields.is_empty() {
        return Err(malformed("blob sidecar has more fields than it may"));
    }
    for (commitment, hash) in commitments.iter().zip(hashes) {
        if kzg_to_versioned_hash(commitment) != *hash {
            return Err(invalid(format!(
                "blob commitment does not hash to the versioned hash {hash}"
            )));
        }
    }
    Ok(())
}

/// True where the version byte 1 announces cell proofs.
fn version(fields: &mut &[u8]) -> Result<bool, Refused> {
    match fields.first() {
        Some(1) => {
            *fields = &fields[1..];
            Ok(true)
        }
        Some(0xc0..) => Ok(false),
        _ => Err(malformed("unknown version of the blob sidecar")),
    }
}

fn count<'a>(
    fields: &mut &'a [u8],
    what: &str,
    size: usize,
    expected: usize,
) -> Result<Vec<&'a [u8]>, Refused> {
    let mut list = Header::decode_bytes(fields, true).map_err(malformed)?;
    let mut items = Vec::new();
    while !list.is_empty() {
        let item = Header::decode_bytes(&mut list, false).map_err(malformed)?;
        if item.len() != size {
            return Err(invalid(format!(
                "blob sidecar: {what} must have {size} bytes each, got {}",
                item.len()
            )));
        }
        items.push(item);
    }
    if items.len() != expected {
        return Err(invalid(format!(
            "blob sidecar: invalid number of {what}: have {} want {expected}",
            items.len()
        )));
    }
    Ok(items)
}

fn invalid(message: String) -> Refused {
    Refused {
        code: "malformed",
        message,
    }
}
