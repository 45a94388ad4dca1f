//! Block headers: RLP of 21 fields (Prague) in and out. Rules about headers live in Python.

use alloy_consensus::Header;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::Decodable;

use crate::errors::Error;

/// SHA-256 of nothing: the requests hash of a block without requests (EIP-7685).
pub const EMPTY_REQUESTS_HASH: B256 =
    alloy_primitives::b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

/// Decodes a header of 21 fields. InvalidBlock otherwise.
pub fn decode(rlp: &[u8]) -> Result<Header, Error> {
    let mut rest = rlp;
    let header = Header::decode(&mut rest)
        .map_err(|e| Error::InvalidBlock(format!("header does not decode: {e}")))?;
    if !rest.is_empty() {
        return Err(Error::InvalidBlock(format!(
            "header is followed by {} more bytes",
            rest.len()
        )));
    }
    if header.requests_hash.is_none() || header.parent_beacon_block_root.is_none() {
        return Err(Error::InvalidBlock(
            "header has fewer than the 21 fields of Prague".into(),
        ));
    }
    if alloy_rlp::encode(&header) != rlp {
        return Err(Error::InvalidBlock(
            "header is not in its canonical encoding".into(),
        ));
    }
    Ok(header)
}

/// A header as it stands in the store, with its hash.
#[derive(Debug, Clone)]
pub struct Sealed {
    pub header: Header,
    pub rlp: Vec<u8>,
    pub hash: B256,
}

/// Encodes and hashes.
pub fn seal(header: Header) -> Sealed {
    let rlp = alloy_rlp::encode(&header);
    let hash = keccak256(&rlp);
    Sealed { header, rlp, hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prague() -> Header {
        Header {
            base_fee_per_gas: Some(7),
            withdrawals_root: Some(B256::ZERO),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::repeat_byte(9)),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        }
    }

    #[test]
    fn sealed_header_decodes_to_itself() {
        let sealed = seal(prague());
        assert_eq!(decode(&sealed.rlp).unwrap(), sealed.header);
        assert_eq!(sealed.hash, prague().hash_slow());
    }

    #[test]
    fn trailing_bytes_and_short_headers_are_refused() {
        let mut long = seal(prague()).rlp;
        long.push(0);
        assert!(decode(&long).is_err());
        let short = Header {
            requests_hash: None,
            ..prague()
        };
        assert!(decode(&seal(short).rlp).is_err());
        assert!(decode(&[]).is_err());
    }
}
