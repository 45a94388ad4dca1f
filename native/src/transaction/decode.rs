//! From raw bytes to a transaction. Total: any bytes give a transaction or a reason.

use alloy_consensus::crypto::secp256k1::recover_signer;
use alloy_consensus::transaction::RlpEcdsaDecodableTx;
use alloy_consensus::{Transaction as _, TxLegacy, TxType};
use alloy_eips::eip2718::{Decodable2718, Eip2718Error, Encodable2718};
use alloy_primitives::{Bytes, keccak256};

use super::{Envelope, Refused, Transaction, recover_authorization, sidecar};

/// Largest transaction taken in, without its sidecar (geth's `txMaxSize`).
pub const MAX_TRANSACTION_BYTES: usize = 128 * 1024;
/// Largest type-3 transaction with its sidecar: nine blobs of 128 KiB with cell proofs fit.
pub const MAX_POOLED_BYTES: usize = 2 * 1024 * 1024;

const BLOB_TYPE: u8 = TxType::Eip4844 as u8;

/// `decode` for transactions from outside: bounded in size.
pub fn decode_bounded(raw: &[u8], chain_id: u64, blobs: bool) -> Result<Transaction, Refused> {
    let limit = match blobs && raw.first() == Some(&BLOB_TYPE) {
        true => MAX_POOLED_BYTES,
        false => MAX_TRANSACTION_BYTES,
    };
    bounded(raw.len(), limit)?;
    let transaction = decode(raw, chain_id, blobs)?;
    bounded(transaction.raw.len(), MAX_TRANSACTION_BYTES)?;
    Ok(transaction)
}

fn bounded(size: usize, limit: usize) -> Result<(), Refused> {
    if size <= limit {
        return Ok(());
    }
    Err(Refused {
        code: "too_large",
        message: format!("oversized data: transaction size {size}, limit {limit}"),
    })
}

/// Decodes, checks the chain id, recovers the sender and the EIP-7702 authorities.
pub fn decode(raw: &[u8], chain_id: u64, blobs: bool) -> Result<Transaction, Refused> {
    check_type(raw, blobs)?;
    let pooled = match raw[0] {
        BLOB_TYPE => sidecar::split(raw)?,
        _ => None,
    };
    let (canonical, sidecar) = match pooled {
        Some(parts) => (Bytes::from(parts.canonical), Some(parts.sidecar)),
        None => (Bytes::copy_from_slice(raw), None),
    };
    let envelope = envelope(&canonical)?;
    if let Some(sidecar) = &sidecar {
        sidecar::check(
            sidecar,
            envelope.blob_versioned_hashes().unwrap_or_default(),
        )?;
    }
    check_chain(&envelope, chain_id)?;
    let sender =
        recover_signer(envelope.signature(), envelope.signature_hash()).map_err(|_| Refused {
            code: "bad_signature",
            message: "invalid sender: invalid transaction v, r, s values".into(),
        })?;
    let signed = envelope.authorization_list().unwrap_or_default();
    Ok(Transaction {
        authorizations: signed.iter().map(recover_authorization).collect(),
        hash: keccak256(&canonical),
        raw: canonical,
        sidecar,
        sender,
        envelope,
    })
}

/// Decodes the canonical form without recovering anything.
pub fn envelope(canonical: &[u8]) -> Result<Envelope, Refused> {
    let envelope = match canonical.first() {
        Some(0x80..) => legacy(canonical)?,
        _ => Envelope::decode_2718_exact(canonical).map_err(malformed)?,
    };
    if envelope.encode_2718_len() != canonical.len() {
        return Err(malformed("non-canonical encoding"));
    }
    Ok(envelope)
}

/// The envelope's own decoder does not say what is wrong with a legacy transaction.
fn legacy(canonical: &[u8]) -> Result<Envelope, Refused> {
    let mut rest = canonical;
    let signed = TxLegacy::rlp_decode_signed(&mut rest).map_err(malformed)?;
    match rest.len() {
        0 => Ok(Envelope::Legacy(signed)),
        _ => Err(malformed("trailing bytes")),
    }
}

fn check_type(raw: &[u8], blobs: bool) -> Result<(), Refused> {
    match raw {
        [] | [0..=0x7f] => Err(Refused {
            code: "malformed",
            message: "typed transaction too short".into(),
        }),
        [1 | 2 | 4 | 0x80.., ..] => Ok(()),
        [BLOB_TYPE, ..] if blobs => Ok(()),
        [BLOB_TYPE, ..] => Err(Refused {
            code: "unsupported_type",
            message: "transaction type not supported: blob transactions (type 3) are for L1 only"
                .into(),
        }),
        _ => Err(Refused {
            code: "unsupported_type",
            message: "transaction type not supported".into(),
        }),
    }
}

fn check_chain(envelope: &Envelope, expected: u64) -> Result<(), Refused> {
    match envelope.chain_id() {
        Some(got) if got != expected => Err(Refused {
            code: "wrong_chain",
            message: format!(
                "invalid sender: invalid chain id for signer: have {got} want {expected}"
            ),
        }),
        _ => Ok(()),
    }
}

pub(super) fn malformed(reason: impl Reason) -> Refused {
    Refused {
        code: "malformed",
        message: format!("rlp: {}", reason.text()),
    }
}

/// What the codec has to say, without its own prefixes.
pub(super) trait Reason {
    fn text(&self) -> String;
}

impl Reason for &str {
    fn text(&self) -> String {
        (*self).to_owned()
    }
}

impl Reason for alloy_rlp::Error {
    fn text(&self) -> String {
        self.to_string()
    }
}

impl Reason for Eip2718Error {
    fn text(&self) -> String {
        match self {
            Self::RlpError(error) => error.to_string(),
            other => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::crypto::secp256k1::sign_message;
    use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702};
    use alloy_eips::eip7702::Authorization;
    use alloy_primitives::{Address, B256, Signature, TxKind, U256, address};

    const SENDER: Address = address!("7e5f4552091a69125d5dfcb7b8c2659029395bdf");

    fn key() -> B256 {
        B256::from(U256::from(1))
    }

    fn signed<T: SignableTransaction<Signature>>(tx: T) -> Vec<u8>
    where
        Envelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = sign_message(key(), tx.signature_hash()).unwrap();
        Envelope::from(tx.into_signed(signature)).encoded_2718()
    }

    fn transfer(chain_id: u64) -> TxEip1559 {
        TxEip1559 {
            chain_id,
            gas_limit: 21_000,
            max_fee_per_gas: 9,
            max_priority_fee_per_gas: 2,
            to: TxKind::Call(Address::repeat_byte(3)),
            value: U256::from(5),
            ..Default::default()
        }
    }

    #[test]
    fn sender_is_recovered_and_raw_kept() {
        let raw = signed(transfer(7));
        let tx = decode_bounded(&raw, 7, false).unwrap();
        assert_eq!(tx.sender, SENDER);
        assert_eq!(tx.raw, raw);
        assert_eq!(tx.hash, *tx.envelope.hash());
        assert_eq!(tx.cost(), U256::from(5 + 9 * 21_000));
        assert_eq!(tx.initial_gas().initial_total_gas(), 21_000);
    }

    #[test]
    fn legacy_without_chain_id_is_accepted() {
        let raw = signed(TxLegacy {
            chain_id: None,
            gas_limit: 21_000,
            to: TxKind::Call(Address::ZERO),
            ..Default::default()
        });
        assert_eq!(decode_bounded(&raw, 7, false).unwrap().sender, SENDER);
    }

    #[test]
    fn other_chain_is_refused() {
        let refused = decode_bounded(&signed(transfer(8)), 7, false).unwrap_err();
        assert_eq!(refused.code, "wrong_chain");
    }

    #[test]
    fn trailing_bytes_and_unknown_types_are_refused() {
        let mut raw = signed(transfer(7));
        raw.push(0);
        assert_eq!(
            decode_bounded(&raw, 7, false).unwrap_err().code,
            "malformed"
        );
        raw[0] = 5;
        assert_eq!(
            decode_bounded(&raw, 7, false).unwrap_err().message,
            "transaction type not supported"
        );
        raw[0] = 3;
        assert_eq!(
            decode_bounded(&raw, 7, false).unwrap_err().code,
            "unsupported_type"
        );
        assert_eq!(decode_bounded(&[], 7, false).unwrap_err().code, "malformed");
    }

    #[test]
    fn high_s_is_refused() {
        let tx = transfer(7);
        let low = sign_message(key(), tx.signature_hash()).unwrap();
        let order = alloy_consensus::crypto::SECP256K1N_HALF * U256::from(2) + U256::from(1);
        let high = Signature::new(low.r(), order - low.s(), !low.v());
        let raw = Envelope::from(tx.into_signed(high)).encoded_2718();
        assert_eq!(
            decode_bounded(&raw, 7, false).unwrap_err().code,
            "bad_signature"
        );
    }

    #[test]
    fn oversized_is_refused() {
        let mut tx = transfer(7);
        tx.input = vec![0; MAX_TRANSACTION_BYTES].into();
        let refused = decode_bounded(&signed(tx), 7, false).unwrap_err();
        assert_eq!(refused.code, "too_large");
        assert!(refused.message.starts_with("oversized data"));
    }

    #[test]
    fn authorities_are_recovered_and_bad_ones_kept_as_invalid() {
        let authorization = Authorization {
            chain_id: U256::from(7),
            address: Address::repeat_byte(4),
            nonce: 1,
        };
        let signature = sign_message(key(), authorization.signature_hash()).unwrap();
        let good = authorization.clone().into_signed(signature);
        let bad = alloy_eips::eip7702::SignedAuthorization::new_unchecked(
            authorization,
            9,
            U256::ZERO,
            U256::ZERO,
        );
        let raw = signed(TxEip7702 {
            chain_id: 7,
            authorization_list: vec![good, bad],
            ..Default::default()
        });
        let tx = decode_bounded(&raw, 7, false).unwrap();
        assert_eq!(tx.authorizations.len(), 2);
        assert_eq!(tx.authorities().collect::<Vec<_>>(), [SENDER]);
    }
}
