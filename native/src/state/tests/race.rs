//! Readers on other threads while a writer commits: no view ever shows another block's value.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

use alloy_primitives::{Address, U256};
use alloy_trie::KECCAK_EMPTY;

use crate::dice::Dice;
use crate::kv::{Kv, MemKv, Value};
use crate::state::{AccountChange, AccountFields, StateChanges, StateError, StateStore};

const ACCOUNTS: u64 = 24;
const BLOCKS: u64 = 1500;

/// A store that lets other threads run before and after a read.
struct Yielding(MemKv);

impl Kv for Yielding {
    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Value>, StateError> {
        thread::yield_now();
        let values = self.0.get_many(keys);
        thread::yield_now();
        values
    }
}

fn address(n: u64) -> Address {
    Address::left_padding_from(&(n + 1).to_be_bytes())
}

/// Account n changes in every block divisible by n + 1; its values are the number of that block.
fn last_change(n: u64, block: u64) -> u64 {
    block - block % (n + 1)
}

fn changes(block: u64) -> StateChanges {
    let changed = (0..ACCOUNTS).filter(|n| last_change(*n, block) == block);
    let accounts = changed.map(|n| AccountChange {
        address: address(n),
        fields: Some(AccountFields {
            nonce: block + 1,
            balance: U256::from(block + 1),
            code_hash: KECCAK_EMPTY,
        }),
        wiped: false,
        slots: vec![(U256::ZERO, U256::from(block + 1))],
    });
    StateChanges {
        accounts: accounts.collect(),
        codes: Vec::new(),
    }
}

/// A starved reader's view may fall out of the history; then it says so, and never lies.
fn read(store: &Arc<StateStore>, done: &AtomicBool, reads: &AtomicU64, seed: u64) {
    let mut dice = Dice::new(seed);
    while !done.load(SeqCst) {
        match read_some(store, &mut dice) {
            Ok(count) => reads.fetch_add(count, SeqCst),
            Err(StateError::HistoryUnavailable { .. }) => continue,
            Err(error) => panic!("{error}"),
        };
    }
}

fn read_some(store: &Arc<StateStore>, dice: &mut Dice) -> Result<u64, StateError> {
    let head = store.head();
    let view = store.view(head - dice.roll(3).min(head))?;
    let count = dice.roll(30);
    for _ in 0..count {
        let n = dice.roll(ACCOUNTS);
        let expected = U256::from(last_change(n, view.number()) + 1);
        let account = view.account(address(n))?.unwrap();
        assert_eq!(
            account.balance,
            expected,
            "account {n} at block {}",
            view.number()
        );
        assert_eq!(view.storage(address(n), U256::ZERO)?, expected);
        assert_eq!(view.accounts(&[address(n)])?, [Some(account)]);
    }
    Ok(count)
}

#[test]
fn readers_never_see_another_block() {
    for cache_bytes in [0, 1 << 20] {
        let kv = MemKv::default();
        let store = Arc::new(StateStore::new(
            Arc::new(Yielding(kv.clone())),
            cache_bytes,
            256,
        ));
        let (done, reads) = (AtomicBool::new(false), AtomicU64::new(0));
        let write = |number: u64| {
            let prepared = store.prepare(number, &changes(number)).unwrap();
            store.begin_write(&prepared).unwrap();
            if number % 7 == 3 {
                store.abort(&prepared);
                store.begin_write(&prepared).unwrap();
            }
            thread::yield_now();
            kv.write(&prepared.writes);
            thread::yield_now();
            store.commit(&prepared).unwrap();
        };
        write(0);
        thread::scope(|scope| {
            let readers: Vec<_> = (0..3)
                .map(|seed| {
                    let (store, done, reads) = (&store, &done, &reads);
                    scope.spawn(move || read(store, done, reads, seed))
                })
                .collect();
            (1..BLOCKS).for_each(write);
            done.store(true, SeqCst);
            readers
                .into_iter()
                .for_each(|reader| reader.join().unwrap());
        });
        assert!(reads.load(SeqCst) > 1000);
    }
}
