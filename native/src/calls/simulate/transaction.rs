//! `Simulated`: a call as the unsigned transaction that it stands for in a simulated block.

use alloy_consensus::{
    Receipt, ReceiptWithBloom, SignableTransaction, TxEip1559, TxEip4844, TxEip7702, TxReceipt,
};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, keccak256};
use alloy_rlp::Encodable;
use revm::context::TxEnv;
use serde_json::{Map, Value, json};

use crate::calls::request::CallRequest;

const LEGACY: u8 = 0;
const DYNAMIC_FEE: u8 = 2;
const BLOB: u8 = 3;
const SET_CODE: u8 = 4;

/// The transaction, encoded with an empty signature.
#[derive(Debug, Clone)]
pub struct Simulated {
    pub kind: u8,
    pub sender: Address,
    pub env: TxEnv,
    pub raw: Vec<u8>,
    pub hash: B256,
    request: CallRequest,
}

/// Where a transaction stands, for its JSON.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    pub block_hash: B256,
    pub number: u64,
    pub time: u64,
    pub index: usize,
}

impl Simulated {
    /// `env` is what executes, with the real nonce.
    pub fn new(request: &CallRequest, env: TxEnv) -> Self {
        let kind = match request {
            CallRequest {
                gas_price: Some(_), ..
            } => LEGACY,
            CallRequest {
                authorizations: Some(_),
                to: Some(_),
                ..
            } => SET_CODE,
            CallRequest {
                blob_hashes: Some(_),
                to: Some(_),
                ..
            } => BLOB,
            _ => DYNAMIC_FEE,
        };
        let raw = encode(kind, request, &env);
        Self {
            kind,
            sender: env.caller,
            hash: keccak256(&raw),
            raw,
            env,
            request: request.clone(),
        }
    }

    /// The encoding that the receipts root is made of.
    pub fn receipt(&self, success: bool, cumulative_gas_used: u64, logs: Vec<Log>) -> Vec<u8> {
        let receipt = Receipt {
            status: success.into(),
            cumulative_gas_used,
            logs,
        };
        let bloom = receipt.bloom();
        let mut out = Vec::new();
        if self.kind != LEGACY {
            out.push(self.kind);
        }
        ReceiptWithBloom::new(receipt, bloom).encode(&mut out);
        out
    }

    /// geth's JSON of the whole transaction.
    pub fn json(&self, spot: Spot, base_fee: u64) -> Value {
        let mut all = Map::new();
        self.write_place(&mut all, spot);
        self.write_fees(&mut all, base_fee);
        if self.kind != LEGACY {
            all.insert("accessList".into(), json!(self.env.access_list));
            all.insert(
                "chainId".into(),
                quantity(self.env.chain_id.unwrap_or_default()),
            );
            all.insert("yParity".into(), "0x0".into());
        }
        if self.kind == SET_CODE {
            let list = self.request.authorizations.as_ref();
            all.insert("authorizationList".into(), json!(list));
        }
        for member in ["v", "r", "s"] {
            all.insert(member.into(), "0x0".into());
        }
        Value::Object(all)
    }

    fn write_place(&self, all: &mut Map<String, Value>, spot: Spot) {
        let env = &self.env;
        let members = [
            ("blockHash", json!(spot.block_hash)),
            ("blockNumber", quantity(spot.number)),
            ("blockTimestamp", quantity(spot.time)),
            ("transactionIndex", quantity(spot.index as u64)),
            ("from", json!(self.sender)),
            ("to", json!(env.kind.to())),
            ("gas", quantity(env.gas_limit)),
            ("hash", json!(self.hash)),
            ("input", json!(env.data)),
            ("nonce", quantity(env.nonce)),
            ("value", json!(env.value)),
            ("type", quantity(u64::from(self.kind))),
        ];
        all.extend(members.map(|(name, value)| (name.to_owned(), value)));
    }

    fn write_fees(&self, all: &mut Map<String, Value>, base_fee: u64) {
        let (cap, tip) = self.request.fees();
        if self.kind == LEGACY {
            all.insert("gasPrice".into(), json!(cap));
            return;
        }
        let price = cap.min(tip.saturating_add(U256::from(base_fee)));
        all.insert("gasPrice".into(), json!(price));
        all.insert("maxFeePerGas".into(), json!(cap));
        all.insert("maxPriorityFeePerGas".into(), json!(tip));
        if self.kind == BLOB {
            let fee = self.request.max_blob_fee.unwrap_or_default();
            all.insert("maxFeePerBlobGas".into(), json!(fee));
            all.insert("blobVersionedHashes".into(), json!(self.env.blob_hashes));
        }
    }
}

pub fn quantity(value: u64) -> Value {
    Value::String(format!("{value:#x}"))
}

fn encode(kind: u8, request: &CallRequest, env: &TxEnv) -> Vec<u8> {
    let unsigned = Signature::new(U256::ZERO, U256::ZERO, false);
    match kind {
        LEGACY => encode_legacy(request, env),
        SET_CODE => set_code(request, env).into_signed(unsigned).encoded_2718(),
        BLOB => blob(env).into_signed(unsigned).encoded_2718(),
        _ => dynamic_fee(env).into_signed(unsigned).encoded_2718(),
    }
}

/// By hand: alloy cannot say an empty signature of a legacy transaction.
fn encode_legacy(request: &CallRequest, env: &TxEnv) -> Vec<u8> {
    let to: &dyn Encodable = match &env.kind {
        TxKind::Call(to) => to,
        TxKind::Create => &"",
    };
    let fields: [&dyn Encodable; 9] = [
        &env.nonce,
        &request.gas_price.unwrap_or_default(),
        &env.gas_limit,
        to,
        &env.value,
        &env.data,
        &0u8,
        &0u8,
        &0u8,
    ];
    let mut out = Vec::new();
    alloy_rlp::encode_list::<_, dyn Encodable>(&fields, &mut out);
    out
}

fn dynamic_fee(env: &TxEnv) -> TxEip1559 {
    TxEip1559 {
        chain_id: env.chain_id.unwrap_or_default(),
        nonce: env.nonce,
        gas_limit: env.gas_limit,
        max_fee_per_gas: env.gas_price,
        max_priority_fee_per_gas: env.gas_priority_fee.unwrap_or_default(),
        to: env.kind,
        value: env.value,
        access_list: env.access_list.clone(),
        input: env.data.clone(),
    }
}

fn blob(env: &TxEnv) -> TxEip4844 {
    TxEip4844 {
        chain_id: env.chain_id.unwrap_or_default(),
        nonce: env.nonce,
        gas_limit: env.gas_limit,
        max_fee_per_gas: env.gas_price,
        max_priority_fee_per_gas: env.gas_priority_fee.unwrap_or_default(),
        to: env.kind.to().copied().unwrap_or_default(),
        value: env.value,
        access_list: env.access_list.clone(),
        blob_versioned_hashes: env.blob_hashes.clone(),
        max_fee_per_blob_gas: env.max_fee_per_blob_gas,
        input: env.data.clone(),
    }
}

fn set_code(request: &CallRequest, env: &TxEnv) -> TxEip7702 {
    TxEip7702 {
        chain_id: env.chain_id.unwrap_or_default(),
        nonce: env.nonce,
        gas_limit: env.gas_limit,
        max_fee_per_gas: env.gas_price,
        max_priority_fee_per_gas: env.gas_priority_fee.unwrap_or_default(),
        to: env.kind.to().copied().unwrap_or_default(),
        value: env.value,
        access_list: env.access_list.clone(),
        authorization_list: request.authorizations.clone().unwrap_or_default(),
        input: Bytes::clone(&env.data),
    }
}
