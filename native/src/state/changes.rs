//! What a block (or the genesis allocation) changes, in plain terms.

use alloy_primitives::{Address, B256, U256};
use revm::database::{BundleAccount, BundleState};
use revm::state::Bytecode;

/// Nonce, balance and code of an account after the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountFields {
    pub nonce: u64,
    pub balance: U256,
    pub code_hash: B256,
}

#[derive(Clone, Debug)]
pub struct AccountChange {
    pub address: Address,
    /// None: the account no longer exists.
    pub fields: Option<AccountFields>,
    /// All storage from before the block is gone; `slots` then is all there is.
    pub wiped: bool,
    /// Slot and its value after the block; zero: absent. Each slot at most once.
    pub slots: Vec<(U256, U256)>,
}

/// Each account at most once, in any order.
#[derive(Clone, Debug, Default)]
pub struct StateChanges {
    pub accounts: Vec<AccountChange>,
    pub codes: Vec<(B256, Bytecode)>,
}

impl StateChanges {
    pub fn from_bundle(bundle: &BundleState) -> Self {
        let changed = bundle
            .state
            .iter()
            .filter_map(|(address, account)| change(*address, account));
        let codes = bundle.contracts.iter().filter(|(_, code)| !code.is_empty());
        Self {
            accounts: changed.collect(),
            codes: codes.map(|(hash, code)| (*hash, code.clone())).collect(),
        }
    }

    /// Accounts and slots touched.
    pub fn len(&self) -> usize {
        self.accounts.len()
            + self
                .accounts
                .iter()
                .map(|account| account.slots.len())
                .sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.codes.is_empty()
    }
}

fn change(address: Address, account: &BundleAccount) -> Option<AccountChange> {
    let wiped = account.was_destroyed();
    let slots: Vec<_> = account
        .storage
        .iter()
        .filter(|(_, slot)| wiped || slot.is_changed())
        .map(|(key, slot)| (*key, slot.present_value))
        .collect();
    let never_there = account.info.is_none() && account.original_info.is_none();
    if never_there || (!wiped && slots.is_empty() && !account.is_info_changed()) {
        return None;
    }
    let fields = account.info.as_ref().map(|info| AccountFields {
        nonce: info.nonce,
        balance: info.balance,
        code_hash: info.code_hash,
    });
    Some(AccountChange {
        address,
        fields,
        wiped,
        slots,
    })
}
