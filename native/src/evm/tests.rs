//! Blocks over a store in memory that can be made to fail.

use std::sync::Arc;

use alloy_consensus::crypto::secp256k1::sign_message;
use alloy_consensus::{Header, SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, TxKind, U256, hex, keccak256};

use super::block::Chain;
use super::build::{Built, Limits, build};
use super::rules::Rules;
use super::verify::{Item, verify};
use crate::errors::Error;
use crate::header::{EMPTY_REQUESTS_HASH, Sealed};
use crate::kv::{Kv, MemKv, Value};
use crate::state::{StateError, StateStore};
use crate::transaction::{Envelope, Transaction, decode};

const RULES: &[u8] = br#"{"chain_id": 7, "forks": [{"timestamp": 0, "name": "prague"}],
    "system_transactions": false, "blobs": false, "max_block_bytes": 1048576,
    "base_fee_max_change_denominator": 8, "elasticity_multiplier": 2}"#;

/// Its code reads slot 0.
const READER: Address = Address::repeat_byte(0x10);
const SENDERS: u8 = 3;

/// Panics, or fails, when the storage of `READER` is read.
struct Brittle {
    kv: MemKv,
    panics: bool,
}

impl Kv for Brittle {
    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Value>, StateError> {
        let poisoned = [&b"s"[..], keccak256(READER).as_slice()].concat();
        if keys.iter().any(|key| key.starts_with(&poisoned)) {
            assert!(!self.panics, "the disk is gone");
            return Err(StateError::Corrupt("the disk is gone".into()));
        }
        self.kv.get_many(keys)
    }
}

struct World {
    rules: Rules,
    state: Arc<StateStore>,
    head: Sealed,
}

impl World {
    fn new(panics: bool) -> Self {
        let rules = Rules::parse(RULES).unwrap();
        let kv = MemKv::default();
        let brittle = Brittle {
            kv: kv.clone(),
            panics,
        };
        let state = Arc::new(StateStore::new(Arc::new(brittle), 1 << 20, 16));
        let code = hex::encode([0x60, 0, 0x54, 0]);
        let funds: Vec<String> = (1..=SENDERS)
            .map(|index| {
                format!(
                    r#""{}": {{"balance": "0xffffffffffffffff"}}"#,
                    sender(index)
                )
            })
            .collect();
        let alloc = format!(
            r#"{{{}, "{READER}": {{"code": "0x{code}", "storage": {{"0x0": "0x1"}}}}}}"#,
            funds.join(", ")
        );
        let prepared = super::genesis::prepare(&state, header(), alloc.as_bytes()).unwrap();
        state.begin_write(&prepared.state).unwrap();
        kv.write(&prepared.state.writes);
        state.commit(&prepared.state).unwrap();
        // A second store, so that nothing is in memory.
        let brittle = Brittle {
            kv: kv.clone(),
            panics,
        };
        let state = Arc::new(StateStore::new(Arc::new(brittle), 1 << 20, 16));
        state.open(0, prepared.sealed.header.state_root).unwrap();
        Self {
            rules,
            state,
            head: prepared.sealed,
        }
    }

    fn chain(&self) -> Chain<'_> {
        Chain {
            rules: &self.rules,
            state: &self.state,
            head: &self.head,
        }
    }

    fn build(&self, candidates: &[Arc<Transaction>], strict: bool) -> Result<Built, Error> {
        let template = Header {
            number: 1,
            parent_hash: self.head.hash,
            ..header()
        };
        let limits = Limits {
            max_bytes: 1 << 20,
            deadline: None,
            strict,
        };
        build(self.chain(), template, &[], candidates, &limits)
    }
}

fn header() -> Header {
    Header {
        gas_limit: 30_000_000,
        base_fee_per_gas: Some(7),
        withdrawals_root: Some(B256::ZERO),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

fn call(index: u8, to: Address) -> Arc<Transaction> {
    let tx = TxEip1559 {
        chain_id: 7,
        gas_limit: 100_000,
        max_fee_per_gas: 100,
        to: TxKind::Call(to),
        ..Default::default()
    };
    let key = B256::from(U256::from(index));
    let signature = sign_message(key, tx.signature_hash()).unwrap();
    let raw = Envelope::from(tx.into_signed(signature)).encoded_2718();
    Arc::new(decode(&raw, 7, false).unwrap())
}

fn sender(index: u8) -> Address {
    call(index, Address::ZERO).sender
}

#[test]
fn a_candidate_that_breaks_the_evm_is_left_out_and_the_block_is_whole() {
    let world = World::new(true);
    let plain = Address::repeat_byte(0x20);
    let candidates = [call(1, plain), call(2, READER), call(3, plain)];
    let built = world.build(&candidates, false).unwrap();
    assert_eq!(built.included, [0, 2]);
    let (index, refusal) = &built.skipped[0];
    assert_eq!((*index, refusal.code), (1, "invalid"));
    assert!(refusal.message.contains("the disk is gone"));
    let items = built.transactions.into_iter().map(Item::Raw).collect();
    let prepared = verify(world.chain(), &built.sealed.rlp, items).unwrap();
    assert_eq!(prepared.records.len(), 2);
}

#[test]
fn a_strict_build_refuses_such_a_candidate() {
    let world = World::new(true);
    let error = world.build(&[call(2, READER)], true).err().unwrap();
    assert!(matches!(error, Error::InvalidBlock(_)), "{error}");
}

#[test]
fn a_failing_store_ends_the_build() {
    let world = World::new(false);
    let error = world.build(&[call(2, READER)], false).err().unwrap();
    assert!(
        matches!(error, Error::State(StateError::Corrupt(_))),
        "{error}"
    );
}
