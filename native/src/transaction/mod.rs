//! Signed transactions: decoding, sender recovery, what execution and the mempool ask of them.
//!
//! Python's face of them is in `python.rs` and `decoder.rs`, blob sidecars are in `sidecar.rs`. Nothing here touches state.

mod decode;
pub mod decoder;
pub mod python;
mod sidecar;

pub use decode::{MAX_POOLED_BYTES, MAX_TRANSACTION_BYTES, decode, decode_bounded, envelope};

use alloy_consensus::{EthereumTxEnvelope, Transaction as _, TxEip4844};
use alloy_eips::eip7702::{RecoveredAuthority, RecoveredAuthorization};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use revm::context::TxEnv;
use revm::context_interface::cfg::gas::{InitialAndFloorGas, calculate_initial_tx_gas};
use revm::context_interface::either::Either;
use revm::primitives::hardfork::SpecId;

/// Types 0 to 4; type 3 without its sidecar.
pub type Envelope = EthereumTxEnvelope<TxEip4844>;

/// Reasons for refusing raw bytes; `code` is stable, `message` uses geth's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: &'static str,
    pub message: String,
}

/// A decoded signed transaction with its recovered sender.
#[derive(Debug)]
pub struct Transaction {
    pub envelope: Envelope,
    pub hash: B256,
    pub sender: Address,
    /// Canonical EIP-2718 encoding.
    pub raw: Bytes,
    /// One for each tuple of the EIP-7702 authorization list, recovered once.
    pub authorizations: Vec<RecoveredAuthorization>,
    /// RLP list of blobs, commitments and proofs as it came (EIP-4844, EIP-7594).
    pub sidecar: Option<Bytes>,
}

impl Transaction {
    /// Wei per gas paid at `base_fee`: the whole price, of which the base fee is burnt.
    pub fn effective_gas_price(&self, base_fee: u64) -> u128 {
        self.envelope.effective_gas_price(Some(base_fee))
    }

    /// Upper bound of what it costs its sender: value, gas and blob gas at the maximum fees, wei.
    pub fn cost(&self) -> U256 {
        let tx = &self.envelope;
        let gas = U256::from(tx.gas_limit()) * U256::from(tx.max_fee_per_gas());
        let blob_gas = U256::from(tx.blob_gas_used().unwrap_or_default());
        let blobs = blob_gas * U256::from(tx.max_fee_per_blob_gas().unwrap_or_default());
        tx.value().saturating_add(gas).saturating_add(blobs)
    }

    /// EIP-7702 authorities whose signature recovers.
    pub fn authorities(&self) -> impl Iterator<Item = Address> + '_ {
        self.authorizations.iter().filter_map(|a| a.authority())
    }

    /// Gas due before execution, and the EIP-7623 floor, by the rules of Prague.
    pub fn initial_gas(&self) -> InitialAndFloorGas {
        let tx = &self.envelope;
        let (accounts, slots) = tx.access_list().map_or((0, 0), |list| {
            let slots: usize = list.0.iter().map(|item| item.storage_keys.len()).sum();
            (list.0.len(), slots)
        });
        calculate_initial_tx_gas(
            SpecId::PRAGUE,
            tx.input(),
            tx.is_create(),
            accounts as u64,
            slots as u64,
            self.authorizations.len() as u64,
            None,
        )
    }

    /// What revm executes.
    pub fn env(&self) -> TxEnv {
        let tx = &self.envelope;
        TxEnv {
            tx_type: tx.tx_type() as u8,
            caller: self.sender,
            gas_limit: tx.gas_limit(),
            gas_price: tx.max_fee_per_gas(),
            kind: tx.kind(),
            value: tx.value(),
            data: tx.input().clone(),
            nonce: tx.nonce(),
            chain_id: tx.chain_id(),
            access_list: tx.access_list().cloned().unwrap_or_default(),
            gas_priority_fee: tx.max_priority_fee_per_gas(),
            blob_hashes: tx.blob_versioned_hashes().unwrap_or_default().to_vec(),
            max_fee_per_blob_gas: tx.max_fee_per_blob_gas().unwrap_or_default(),
            authorization_list: self
                .authorizations
                .iter()
                .cloned()
                .map(Either::Right)
                .collect(),
        }
    }
}

/// Address of the contract that a creation makes, whether or not it succeeds.
pub fn created_address(kind: TxKind, sender: Address, nonce: u64) -> Option<Address> {
    kind.is_create().then(|| sender.create(nonce))
}

/// The authority of an authorization tuple; invalid where the signature does not recover or has a
/// high s (EIP-7702).
fn recover_authorization(
    signed: &alloy_eips::eip7702::SignedAuthorization,
) -> RecoveredAuthorization {
    let authority = signed
        .signature()
        .ok()
        .and_then(|signature| {
            let hash = signed.signature_hash();
            alloy_consensus::crypto::secp256k1::recover_signer(&signature, hash).ok()
        })
        .map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
    RecoveredAuthorization::new_unchecked(signed.inner().clone(), authority)
}
