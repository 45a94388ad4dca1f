//! The state after one recent block, as the EVM and the RPC read it.

use alloy_primitives::{Address, B256, U256};
use revm::DatabaseRef;
use revm::state::{AccountInfo, Bytecode};

use super::{FlatAccount, StateError};

/// Cheap to clone; any thread may read.
#[derive(Clone)]
pub struct StateView {}

impl StateView {
    /// The block whose state this is.
    pub fn number(&self) -> u64 {
        unimplemented!()
    }

    pub fn account(&self, _address: Address) -> Result<Option<FlatAccount>, StateError> {
        unimplemented!()
    }

    /// Of many, with at most one read of the store.
    pub fn accounts(&self, _addresses: &[Address]) -> Result<Vec<Option<FlatAccount>>, StateError> {
        unimplemented!()
    }

    pub fn storage(&self, _address: Address, _slot: U256) -> Result<U256, StateError> {
        unimplemented!()
    }

    pub fn code(&self, _code_hash: B256) -> Result<Bytecode, StateError> {
        unimplemented!()
    }

    /// Fill the caches with one read of the store. No effect on what reads return.
    pub fn prefetch(
        &self,
        _addresses: &[Address],
        _slots: &[(Address, U256)],
    ) -> Result<(), StateError> {
        unimplemented!()
    }
}

impl DatabaseRef for StateView {
    type Error = StateError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        Ok(self.account(address)?.map(|account| account.to_info()))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StateError> {
        self.code(code_hash)
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.storage(address, slot)
    }

    /// Hash of a stored header (table `h`); zero where there is none.
    fn block_hash_ref(&self, _number: u64) -> Result<B256, StateError> {
        unimplemented!()
    }
}
