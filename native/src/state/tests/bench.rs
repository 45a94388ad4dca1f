//! Cost of a block against state size. `cargo test --release -- --ignored --nocapture bench`

use std::collections::BTreeSet;
use std::sync::Arc;

use alloy_primitives::{Address, U256};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY};

use crate::dice::Dice;
use crate::kv::MemKv;
use crate::state::{AccountChange, AccountFields, StateChanges, StateStore};

/// Accounts that a block of 4,000 transfers touches.
const TOUCHED: u64 = 3000;
const ROUNDS: u64 = 10;

fn payments(dice: &mut Dice, addresses: impl Iterator<Item = u64>) -> StateChanges {
    let accounts = addresses.map(|n| AccountChange {
        address: Address::left_padding_from(&n.to_be_bytes()),
        fields: Some(AccountFields {
            nonce: dice.roll(1000),
            balance: U256::from(dice.roll(u64::MAX)),
            code_hash: KECCAK_EMPTY,
        }),
        wiped: false,
        slots: Vec::new(),
    });
    StateChanges {
        accounts: accounts.collect(),
        codes: Vec::new(),
    }
}

/// CPU time of all threads of this process so far, microseconds.
fn cpu_time() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("a Linux machine");
    let spent =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
    spent
        .filter_map(|stat| stat.split(' ').next()?.parse::<f64>().ok())
        .sum::<f64>()
        / 1e3
}

fn timed<T>(spent: &mut f64, work: impl FnOnce() -> T) -> T {
    let before = cpu_time();
    let done = work();
    *spent += cpu_time() - before;
    done
}

/// Adds CPU time of the root alone, of preparing, and of committing.
fn block(store: &Arc<StateStore>, kv: &MemKv, changes: &StateChanges, spent: &mut [f64; 3]) {
    let number = if store.root() == EMPTY_ROOT_HASH {
        0
    } else {
        store.head() + 1
    };
    timed(&mut spent[0], || store.state_root(changes)).unwrap();
    let prepared = timed(&mut spent[1], || store.prepare(number, changes)).unwrap();
    store.begin_write(&prepared).unwrap();
    kv.write(&prepared.writes);
    timed(&mut spent[2], || store.commit(&prepared)).unwrap();
}

#[test]
#[ignore = "a measurement"]
fn bench_block_against_state_size() {
    for cache_bytes in [64 << 20, 1 << 30] {
        for size in [10_000u64, 100_000, 1_000_000] {
            let mut dice = Dice::new(size);
            let kv = MemKv::default();
            let store = Arc::new(StateStore::new(Arc::new(kv.clone()), cache_bytes, 256));
            for first in (0..size).step_by(50_000) {
                let changes = payments(&mut dice, first..(first + 50_000).min(size));
                block(&store, &kv, &changes, &mut [0.0; 3]);
            }
            let (mut spent, mut count) = ([0.0; 3], 0.0);
            for _ in 0..ROUNDS {
                let picked: BTreeSet<_> = (0..TOUCHED).map(|_| dice.roll(size)).collect();
                count += picked.len() as f64;
                let changes = payments(&mut dice, picked.into_iter());
                block(&store, &kv, &changes, &mut spent);
            }
            let [root, prepare, commit] = spent.map(|spent| spent / count);
            println!(
                "cache {:4} MiB, {size:8} accounts: CPU us/account: root {root:5.2} prepare \
                 {prepare:5.2} commit {commit:5.2}, {} KiB of nodes",
                cache_bytes >> 20,
                store.resident_trie_bytes() >> 10,
            );
        }
    }
}
