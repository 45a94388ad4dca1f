//! Cost of a block against state size. `cargo test --release -- --ignored --nocapture bench`

use std::sync::Arc;
use std::time::Instant;

use alloy_primitives::{Address, U256};
use alloy_trie::KECCAK_EMPTY;

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

fn block(store: &Arc<StateStore>, kv: &MemKv, number: u64, changes: &StateChanges) -> [f64; 3] {
    let mut times = [0.0; 3];
    let mut clock = Instant::now();
    let mut lap = |slot: usize| {
        times[slot] = clock.elapsed().as_secs_f64() * 1e6;
        clock = Instant::now();
    };
    store.state_root(changes).unwrap();
    lap(0);
    let prepared = store.prepare(number, changes).unwrap();
    lap(1);
    store.begin_write(&prepared).unwrap();
    kv.write(&prepared.writes);
    let clock = Instant::now();
    store.commit(&prepared).unwrap();
    times[2] = clock.elapsed().as_secs_f64() * 1e6;
    times
}

#[test]
#[ignore = "a measurement"]
fn bench_block_against_state_size() {
    for cache_bytes in [64 << 20, 1 << 30] {
        for size in [10_000u64, 100_000, 1_000_000] {
            let mut dice = Dice::new(size);
            let kv = MemKv::default();
            let store = Arc::new(StateStore::new(Arc::new(kv.clone()), cache_bytes, 256));
            for (number, first) in (0..size).step_by(50_000).enumerate() {
                let changes = payments(&mut dice, first..(first + 50_000).min(size));
                block(&store, &kv, number as u64, &changes);
            }
            let mut sum = [0.0; 3];
            for _ in 0..ROUNDS {
                let picked: std::collections::BTreeSet<_> =
                    (0..TOUCHED).map(|_| dice.roll(size)).collect();
                let changes = payments(&mut Dice::new(dice.roll(1 << 40)), picked.into_iter());
                let times = block(&store, &kv, store.head() + 1, &changes);
                let count = changes.accounts.len() as f64 * ROUNDS as f64;
                sum.iter_mut()
                    .zip(times)
                    .for_each(|(sum, time)| *sum += time / count);
            }
            println!(
                "cache {:4} MiB, {size:8} accounts: root {:5.2} prepare {:5.2} commit {:5.2} us/account, \
                 {} KiB of nodes",
                cache_bytes >> 20,
                sum[0],
                sum[1],
                sum[2],
                store.resident_trie_bytes() >> 10,
            );
        }
    }
}
