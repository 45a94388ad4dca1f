//! Views and proofs of recent blocks, also while a block is being written.

use alloy_primitives::{B256, U256, keccak256};
use alloy_trie::Nibbles;
use alloy_trie::proof::verify_proof;

use super::model::*;
use crate::dice::Dice;
use crate::state::{StateError, proof};

#[test]
fn views_show_their_block_while_the_chain_moves_on() {
    for (seed, cache_bytes) in [(1, 1 << 22), (2, 60_000), (3, 0)] {
        let mut dice = Dice::new(seed);
        let mut chain = Chain::new(cache_bytes, 256);
        chain.block(&random_changes(&mut dice, &Model::new()));
        let mut pinned = Vec::new();
        for number in 1..300u64 {
            let changes = random_changes(&mut dice, chain.head());
            let oldest = |head: u64| head.saturating_sub(256);
            let prepared = chain.prepare(&changes);
            let past = oldest(number - 1) + dice.roll(number - oldest(number - 1));
            chain.check_reads(&mut dice, number - 1, 5);
            chain.store.begin_write(&prepared).unwrap();
            chain.check_reads(&mut dice, number - 1, 5);
            chain.check_reads(&mut dice, past, 5);
            chain.kv.write(&prepared.writes);
            chain.check_reads(&mut dice, number - 1, 10);
            chain.check_reads(&mut dice, past, 5);
            chain.store.commit(&prepared).unwrap();
            chain.check_reads(&mut dice, number, 10);
            chain.check_reads(&mut dice, past.max(oldest(number)), 5);
            if number % 20 == 0 {
                pinned.push(chain.store.view(number - dice.roll(20)).unwrap());
            }
            pinned.retain(|view| view.number() >= oldest(number));
            pinned
                .iter()
                .for_each(|view| chain.check_read(&mut dice, view));
            if dice.one_in(50) {
                pinned.clear();
                chain.reopen();
            }
        }
        assert!(matches!(
            chain.store.view(300 - 1 - 257),
            Err(StateError::HistoryUnavailable {
                asked: 42,
                oldest: 43,
                head: 299
            })
        ));
        assert!(matches!(
            chain.store.view(300),
            Err(StateError::HistoryUnavailable { .. })
        ));
        assert!(chain.store.view(43).is_ok());
    }
}

#[test]
fn a_view_that_falls_out_of_the_history_says_so() {
    let mut dice = Dice::new(4);
    let mut chain = Chain::new(0, 3);
    chain.block(&random_changes(&mut dice, &Model::new()));
    let view = chain.store.view(0).unwrap();
    let untouched = dice.address(ADDRESSES);
    for _ in 0..6 {
        let changes = random_changes(&mut dice, chain.head());
        chain.block(&changes);
    }
    let error = view.account(untouched).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("required historical state unavailable"),
        "{error}"
    );
}

#[test]
fn proofs_hold_for_every_block_of_the_history() {
    let mut dice = Dice::new(7);
    let mut chain = Chain::new(1 << 20, 256);
    chain.block(&random_changes(&mut dice, &Model::new()));
    let (mut included, mut excluded) = (0, 0);
    for head in 1..280u64 {
        let changes = random_changes(&mut dice, chain.head());
        chain.block(&changes);
        for at in [head, head.saturating_sub(1 + dice.roll(256))] {
            let address = dice.address(ADDRESSES);
            let slots: Vec<B256> = (0..4)
                .map(|_| B256::from(U256::from(dice.roll(SLOTS))))
                .collect();
            let answer = proof(&chain.kv, head, at, 256, address, &slots).unwrap();
            let model = &chain.models[at as usize];
            let account = model.get(&address);
            let key = Nibbles::unpack(keccak256(address));
            let leaf = account.map(|account| alloy_rlp::encode(trie_account(account)));
            verify_proof(root(model), key, leaf, &answer.account_proof).unwrap();
            let fields = account.map(trie_account).unwrap_or_default();
            assert_eq!(answer.storage_hash, fields.storage_root);
            assert_eq!(
                (answer.nonce, answer.balance),
                (fields.nonce, fields.balance)
            );
            for (slot, item) in slots.iter().zip(&answer.storage_proof) {
                let value =
                    account.and_then(|account| account.slots.get(&U256::from_be_bytes(slot.0)));
                assert_eq!(item.value, value.copied().unwrap_or_default());
                let leaf = value.map(alloy_rlp::encode);
                *if leaf.is_some() {
                    &mut included
                } else {
                    &mut excluded
                } += 1;
                let key = Nibbles::unpack(keccak256(slot));
                verify_proof(answer.storage_hash, key, leaf, &item.proof).unwrap();
            }
        }
    }
    assert!(included > 300 && excluded > 300, "{included} {excluded}");
    let address = dice.address(ADDRESSES);
    let asked = proof(&chain.kv, 279, 22, 256, address, &[]);
    assert!(matches!(
        asked,
        Err(StateError::HistoryUnavailable { oldest: 23, .. })
    ));
    assert!(proof(&chain.kv, 279, 280, 256, address, &[]).is_err());
}
