//! A small world in memory that the tests of this room share.

mod access_list;
mod call;
mod estimate;
mod trace;

use std::convert::Infallible;

use alloy_primitives::{Address, Bytes, U256, address, hex};
use revm::bytecode::Bytecode;
use revm::context::BlockEnv;
use revm::database::{CacheDB, EmptyDB};
use revm::state::AccountInfo;
use serde_json::Value;

use super::request::CallRequest;
use super::scene::Scene;
use crate::errors::Error;
use crate::evm::rules::Rules;

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

pub const RICH: Address = address!("00000000000000000000000000000000000000aa");
pub const CONTRACT: Address = address!("00000000000000000000000000000000000c0de0");

pub type World = CacheDB<EmptyDB>;

/// One rich account, and `code` at `CONTRACT`.
pub fn world(code: &str) -> World {
    let mut db = CacheDB::new(EmptyDB::new());
    let rich = AccountInfo {
        balance: U256::from(10).pow(U256::from(18)),
        ..AccountInfo::default()
    };
    db.insert_account_info(RICH, rich);
    let code = Bytecode::new_raw(Bytes::from(hex::decode(code).unwrap()));
    db.insert_account_info(CONTRACT, AccountInfo::from_bytecode(code));
    db
}

pub fn rules() -> Rules {
    let json = br#"{"chain_id": 1088, "forks": [{"timestamp": 0, "name": "prague"}],
        "system_transactions": false, "blobs": true, "max_block_bytes": 1048576,
        "base_fee_max_change_denominator": 8, "elasticity_multiplier": 2}"#;
    Rules::parse(json).unwrap()
}

pub fn block() -> BlockEnv {
    BlockEnv {
        number: U256::from(7),
        timestamp: U256::from(1000),
        gas_limit: 30_000_000,
        basefee: 1_000_000_000,
        ..BlockEnv::default()
    }
}

pub fn scene(world: &World) -> Scene<&World> {
    Scene::new(world, &rules(), block())
}

pub fn request(value: Value) -> CallRequest {
    CallRequest::parse(&value, "transaction").unwrap()
}
