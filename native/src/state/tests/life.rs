//! The life of a block: roots, what the store holds, reopening, aborting, refusals.

use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use alloy_trie::KECCAK_EMPTY;

use super::model::*;
use crate::dice::Dice;
use crate::kv::MemKv;
use crate::state::{AccountFields, StateError, StateStore, verify_nodes, verify_state};

/// Pairs of the tables that must be exactly those of a fresh build of the same state.
fn live(kv: &MemKv) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries = kv.entries();
    entries.retain(|(key, _)| b"asAO".contains(&key[0]));
    entries
}

fn check_store(chain: &Chain) {
    let mut fresh = Chain::new(1 << 20, 8);
    fresh.block(&allocation(chain.head()));
    assert_eq!(live(&chain.kv), live(&fresh.kv));
    let diffs = chain
        .kv
        .entries()
        .iter()
        .filter(|(key, _)| key[0] == b'r')
        .count();
    assert!(diffs <= chain.history + 1, "{diffs} reverse diffs");
}

pub fn verified(kv: &MemKv) -> Result<B256, StateError> {
    let table = |prefix| {
        let mut rows = kv.entries();
        rows.retain(|(key, _)| key[0] == prefix);
        let chunks: Vec<Vec<_>> = rows.chunks(7).map(<[_]>::to_vec).collect();
        let mut chunks = chunks.into_iter();
        move || Ok(chunks.next())
    };
    let root = verify_state(&mut table(b'a'), &mut table(b's'))?;
    verify_nodes(root, &mut table(b'a'), &mut table(b'A'), &mut table(b'O'))?;
    Ok(root)
}

#[test]
fn the_store_holds_the_model_after_every_block() {
    for (seed, cache_bytes) in [(1, 1 << 22), (2, 40_000), (3, 0), (4, 8_000)] {
        let mut dice = Dice::new(seed);
        let mut chain = Chain::new(cache_bytes, 10);
        chain.block(&random_changes(&mut dice, &Model::new()));
        for _ in 0..120 {
            let changes = random_changes(&mut dice, chain.head());
            if dice.one_in(8) {
                chain.reopen();
            }
            chain.block(&changes);
            check_store(&chain);
            assert_eq!(verified(&chain.kv).unwrap(), chain.store.root());
        }
    }
}

#[test]
fn an_aborted_block_leaves_nothing() {
    let mut dice = Dice::new(5);
    let mut chain = Chain::new(1 << 20, 10);
    chain.block(&random_changes(&mut dice, &Model::new()));
    for _ in 0..40 {
        let (before, root) = (chain.kv.entries(), chain.store.root());
        let dropped = random_changes(&mut dice, chain.head());
        let prepared = chain.prepare(&dropped);
        if dice.one_in(2) {
            chain.store.begin_write(&prepared).unwrap();
            chain.check_reads(&mut dice, prepared.number - 1, 20);
        }
        chain.store.abort(&prepared);
        chain.models.pop();
        assert_eq!((chain.kv.entries(), chain.store.root()), (before, root));
        chain.check_reads(&mut dice, chain.store.head(), 20);
        chain.block(&random_changes(
            &mut dice,
            &chain.models[chain.models.len() - 1].clone(),
        ));
        chain.check_reads(&mut dice, chain.store.head(), 20);
    }
}

#[test]
fn memory_stays_within_its_bound() {
    let limit = 400_000;
    let mut dice = Dice::new(6);
    let mut chain = Chain::new(limit, 4);
    chain.block(&Default::default());
    for block in 0..60u64 {
        let accounts = (0..300).map(|n| crate::state::AccountChange {
            address: Address::left_padding_from(&(block * 300 + n).to_be_bytes()),
            fields: Some(AccountFields {
                nonce: 1,
                balance: dice.value(),
                code_hash: KECCAK_EMPTY,
            }),
            wiped: false,
            slots: (0..n % 7)
                .map(|slot| (U256::from(slot), dice.value()))
                .collect(),
        });
        let changes = crate::state::StateChanges {
            accounts: accounts.collect(),
            codes: vec![],
        };
        let prepared = chain.store.prepare(block + 1, &changes).unwrap();
        chain.store.begin_write(&prepared).unwrap();
        chain.kv.write(&prepared.writes);
        chain.store.commit(&prepared).unwrap();
        assert!(chain.store.resident_trie_bytes() < limit * 6 / 16);
    }
    assert_eq!(verified(&chain.kv).unwrap(), chain.store.root());
}

#[test]
fn a_block_without_changes_keeps_the_root() {
    let mut chain = Chain::new(1 << 20, 10);
    chain.block(&random_changes(&mut Dice::new(1), &Model::new()));
    let root = chain.store.root();
    let again = allocation(chain.head());
    let prepared = chain.prepare(&again);
    assert_eq!((prepared.state_root, prepared.changed), (root, 0));
    assert_eq!(prepared.writes.len(), 1, "the empty reverse diff only");
}

#[test]
fn refuses_blocks_out_of_order() {
    let mut dice = Dice::new(1);
    let mut chain = Chain::new(1 << 20, 10);
    chain.block(&random_changes(&mut dice, &Model::new()));
    let changes = random_changes(&mut dice, chain.head());
    assert!(matches!(
        chain.store.prepare(2, &changes),
        Err(StateError::Misuse(_))
    ));
    let first = chain.store.prepare(1, &changes).unwrap();
    assert!(matches!(
        chain.store.commit(&first),
        Err(StateError::Misuse(_))
    ));
    chain.block(&changes);
    assert!(matches!(
        chain.store.begin_write(&first),
        Err(StateError::Misuse(_))
    ));
    assert!(matches!(
        chain.store.commit(&first),
        Err(StateError::Misuse(_))
    ));
    let second = chain.store.prepare(2, &Default::default()).unwrap();
    chain.store.begin_write(&second).unwrap();
    let early = chain
        .store
        .prepare(2, &changes)
        .err()
        .expect("a refusal")
        .to_string();
    assert!(early.contains("block 2 is being written"), "{early}");
    assert!(chain.store.state_root(&changes).is_err());
    chain.store.commit(&second).unwrap();
}

#[test]
fn refuses_to_open_on_another_root() {
    let mut chain = Chain::new(1 << 20, 10);
    chain.block(&random_changes(&mut Dice::new(1), &Model::new()));
    let store = Arc::new(StateStore::new(Arc::new(chain.kv.clone()), 1 << 20, 10));
    let error = store.open(0, B256::repeat_byte(1)).unwrap_err();
    assert!(matches!(error, StateError::Corrupt(_)));
    assert!(error.to_string().contains("db verify"));
    store.open(0, chain.store.root()).unwrap();
}

#[test]
fn verification_finds_what_is_wrong_in_the_tables() {
    let mut dice = Dice::new(9);
    let mut chain = Chain::new(1 << 20, 10);
    chain.block(&random_changes(&mut dice, &Model::new()));
    for _ in 0..10 {
        let changes = random_changes(&mut dice, chain.head());
        chain.block(&changes);
    }
    let row = |table: u8| {
        chain
            .kv
            .entries()
            .into_iter()
            .find(|(key, _)| key[0] == table)
            .unwrap()
    };
    let spoiled = |key: Vec<u8>, value: Option<Vec<u8>>| {
        let kv = MemKv::default();
        kv.write(
            &chain
                .kv
                .entries()
                .into_iter()
                .map(|(k, v)| (k, Some(v)))
                .collect::<Vec<_>>(),
        );
        kv.write(&[(key, value)]);
        verified(&kv)
    };
    let (slot, _) = row(b's');
    assert!(
        spoiled(slot.clone(), None)
            .unwrap_err()
            .to_string()
            .contains("storage root")
    );
    assert!(
        spoiled(slot.clone(), Some(vec![0, 1]))
            .unwrap_err()
            .to_string()
            .contains("canonical")
    );
    let owner = [b"a", &slot[1..33]].concat();
    assert!(
        spoiled(owner, None)
            .unwrap_err()
            .to_string()
            .contains("no account")
    );
    let (account, _) = row(b'a');
    assert!(
        spoiled(account.clone(), Some(vec![9]))
            .unwrap_err()
            .to_string()
            .contains("decode")
    );
    assert!(spoiled([&account[..], &[0]].concat(), Some(vec![])).is_err());
    let mut orphan = vec![b's'];
    orphan.extend([0xff; 64]);
    assert!(
        spoiled(orphan, Some(vec![1]))
            .unwrap_err()
            .to_string()
            .contains("no account")
    );
}
