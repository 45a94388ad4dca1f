//! Random changes against a full rebuild, and the store against the live nodes.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::proof::verify_proof;
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};

use super::*;
use crate::dice::Dice;
use crate::kv::{Kv, MemKv};

const PREFIX: &[u8] = b"A";

fn rebuilt(model: &BTreeMap<B256, Vec<u8>>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in model {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}

/// A trie in a store, changed like a block would.
struct Bench {
    kv: MemKv,
    root: Option<Link>,
    model: BTreeMap<B256, Vec<u8>>,
}

impl Bench {
    fn new() -> Self {
        Self {
            kv: MemKv::default(),
            root: None,
            model: BTreeMap::new(),
        }
    }

    fn hash(&self) -> B256 {
        self.root.as_ref().map_or(EMPTY_ROOT_HASH, Link::hash)
    }

    fn apply(&mut self, changes: &BTreeMap<B256, Option<Vec<u8>>>, born: u64) {
        let ops: Vec<_> = changes
            .iter()
            .map(|(key, value)| Op {
                key: *key,
                value: value.as_deref(),
            })
            .collect();
        let touches: Vec<_> = ops
            .iter()
            .map(|op| Touch {
                key: op.key,
                removes: op.value.is_none(),
            })
            .collect();
        if let Some(root) = &self.root {
            resolve(
                &self.kv,
                &[Job {
                    prefix: PREFIX,
                    root,
                    touches: &touches,
                }],
                born,
            )
            .unwrap();
        }
        let (only, nothing) =
            update(PREFIX, self.root.as_ref(), &ops, born, Retention::Root).unwrap();
        let (root, out) =
            update(PREFIX, self.root.as_ref(), &ops, born, Retention::Writes).unwrap();
        assert_eq!(only.map(|link| link.hash()), root.as_ref().map(Link::hash));
        assert!(nothing.puts.is_empty() && nothing.deletes.is_empty());
        let puts: HashMap<_, _> = out.puts.iter().cloned().collect();
        assert_eq!(puts.len(), out.puts.len(), "a node is written twice");
        assert!(
            out.deletes.iter().all(|key| !puts.contains_key(key)),
            "written and deleted"
        );
        self.kv.write(
            &out.deletes
                .into_iter()
                .map(|key| (key, None))
                .collect::<Vec<_>>(),
        );
        self.kv.write(
            &out.puts
                .into_iter()
                .map(|(key, value)| (key, Some(value)))
                .collect::<Vec<_>>(),
        );
        self.root = root;
        for (key, value) in changes {
            match value {
                Some(value) => self.model.insert(*key, value.clone()),
                None => self.model.remove(key),
            };
        }
    }

    fn reopen(&mut self) {
        self.root = self.root.take().map(|root| Link::stored(root.hash()));
    }

    /// The same content put in by one update.
    fn fresh(&self) -> Self {
        let mut fresh = Self::new();
        let all = self
            .model
            .iter()
            .map(|(key, value)| (*key, Some(value.clone())))
            .collect();
        fresh.apply(&all, 0);
        fresh
    }

    fn check(&self) {
        assert_eq!(self.hash(), rebuilt(&self.model));
        assert_eq!(
            self.kv.entries(),
            self.fresh().kv.entries(),
            "not exactly the live nodes"
        );
        let Some(root) = &self.root else {
            return assert!(self.kv.entries().is_empty());
        };
        let found = contents(&self.kv, PREFIX, root).unwrap();
        let mut leaves = found.leaves;
        leaves.sort();
        assert!(
            leaves
                .iter()
                .map(|(k, v)| (k, &v[..]))
                .eq(self.model.iter().map(|(k, v)| (k, &v[..])))
        );
        let mut nodes = found.nodes;
        nodes.sort();
        assert!(
            nodes
                .iter()
                .eq(self.kv.entries().iter().map(|(key, _)| key))
        );
    }

    fn check_proofs(&self, keys: &[B256]) {
        let root = self.root.as_ref().map(|root| Link::stored(root.hash()));
        let proofs = prove(&self.kv, PREFIX, root.as_ref(), keys).unwrap();
        for (key, proof) in keys.iter().zip(proofs) {
            let value = self.model.get(key).cloned();
            verify_proof(self.hash(), Nibbles::unpack(key), value, &proof).unwrap();
        }
    }
}

/// Keys that fork at every depth when `crowded`: some bytes are fixed and some take two values.
fn key(dice: &mut Dice, space: u64, crowded: bool) -> B256 {
    let pick = dice.roll(space);
    match crowded {
        false => keccak256(pick.to_be_bytes()),
        true => {
            let mut key = B256::ZERO;
            for bit in 0..8 {
                if pick >> bit & 1 == 1 {
                    key[[0, 0, 7, 12, 20, 30, 31, 31][bit]] |=
                        [0x10, 1, 0x80, 2, 1, 0x40, 1, 0x30][bit];
                }
            }
            key
        }
    }
}

fn value(dice: &mut Dice, short: bool) -> Vec<u8> {
    let length = if short {
        1 + dice.roll(3)
    } else {
        40 + dice.roll(60)
    };
    (0..length).map(|_| 1 + dice.roll(255) as u8).collect()
}

fn run(seed: u64, space: u64, crowded: bool, short: bool, rounds: u64, most: u64) {
    let mut dice = Dice::new(seed);
    let mut bench = Bench::new();
    for round in 0..rounds {
        let removing = dice.roll(10);
        let changes = (0..1 + dice.roll(most))
            .map(|_| {
                let removes = dice.roll(10) < removing;
                (
                    key(&mut dice, space, crowded),
                    (!removes).then(|| value(&mut dice, short)),
                )
            })
            .collect();
        match dice.roll(3) {
            0 => bench.reopen(),
            1 => {
                bench.root = bench
                    .root
                    .take()
                    .map(|root| sweep(&root, dice.roll(4000) as usize).0)
            }
            _ => {}
        }
        bench.apply(&changes, round);
        bench.check();
        let asked: Vec<_> = (0..5).map(|_| key(&mut dice, space, crowded)).collect();
        bench.check_proofs(&asked);
    }
    let all = bench.model.keys().map(|key| (*key, None)).collect();
    bench.reopen();
    bench.apply(&all, rounds);
    bench.check();
}

#[test]
fn equals_a_rebuild_with_spread_keys() {
    for seed in 0..6 {
        run(seed, 600, false, false, 25, 80);
    }
}

#[test]
fn equals_a_rebuild_with_crowded_keys() {
    for seed in 0..40 {
        run(seed, 256, true, seed % 2 == 0, 25, 1 + seed);
    }
}

#[test]
fn equals_a_rebuild_when_updated_on_all_cores() {
    for seed in 0..3 {
        run(seed, 3000, false, seed == 1, 6, 2500);
    }
}

#[test]
fn writes_nothing_for_changes_that_change_nothing() {
    let mut dice = Dice::new(1);
    let mut bench = Bench::new();
    let first: BTreeMap<_, _> = (0..50)
        .map(|n: u64| (keccak256(n.to_be_bytes()), Some(value(&mut dice, false))))
        .collect();
    bench.apply(&first, 0);
    let mut ops: Vec<_> = first
        .iter()
        .map(|(key, value)| Op {
            key: *key,
            value: value.as_deref(),
        })
        .collect();
    ops.push(Op {
        key: B256::repeat_byte(0xff),
        value: None,
    });
    let (root, out) = update(PREFIX, bench.root.as_ref(), &ops, 1, Retention::Writes).unwrap();
    assert_eq!(root.unwrap().hash(), bench.hash());
    assert!(out.puts.is_empty() && out.deletes.is_empty());
}

#[test]
fn keeps_count_of_resident_bytes() {
    let mut dice = Dice::new(7);
    let mut bench = Bench::new();
    let mut counted = 0isize;
    for born in 0..30 {
        let changes: BTreeMap<_, _> = (0..200)
            .map(|_| {
                (
                    key(&mut dice, 500, false),
                    (dice.roll(3) > 0).then(|| value(&mut dice, false)),
                )
            })
            .collect();
        let ops: Vec<_> = changes
            .iter()
            .map(|(key, value)| Op {
                key: *key,
                value: value.as_deref(),
            })
            .collect();
        let (root, out) =
            update(PREFIX, bench.root.as_ref(), &ops, born, Retention::Nodes).unwrap();
        bench.root = root;
        counted += out.growth;
        let exact = bench
            .root
            .as_ref()
            .map_or(0, |root| sweep(root, usize::MAX).1);
        assert_eq!(counted, exact as isize);
    }
}

#[test]
fn a_sweep_keeps_the_bound_and_the_root() {
    let mut bench = Bench::new();
    let mut dice = Dice::new(3);
    let all = (0..2000u64)
        .map(|n| (keccak256(n.to_be_bytes()), Some(value(&mut dice, false))))
        .collect();
    bench.apply(&all, 5);
    let root = bench.root.clone().unwrap();
    for target in [0, 1000, 100_000, usize::MAX] {
        let (swept, kept) = sweep(&root, target);
        assert_eq!(swept.hash(), root.hash());
        assert!(kept <= target);
        assert_eq!(sweep(&swept, usize::MAX).1, kept);
    }
}

#[test]
fn refuses_a_store_that_is_not_the_tries() {
    let mut bench = Bench::new();
    let all = (0..20u64)
        .map(|n| (keccak256(n.to_be_bytes()), Some(vec![1; 40])))
        .collect();
    bench.apply(&all, 0);
    let key = keccak256(3u64.to_be_bytes());
    let proof: Vec<Bytes> = prove(&bench.kv, PREFIX, bench.root.as_ref(), &[key])
        .unwrap()
        .remove(0);
    assert!(proof.len() > 1);
    let path = node_key(PREFIX, &key, proof.len() - 1);
    let mut broken = bench.kv.get(&path).unwrap().unwrap();
    for value in [
        Some({
            broken[40] ^= 1;
            broken
        }),
        None,
    ] {
        bench.kv.write(&[(path.clone(), value)]);
        let root = Link::stored(bench.hash());
        let error = prove(&bench.kv, PREFIX, Some(&root), &[key]).unwrap_err();
        assert!(error.to_string().contains("trie node"), "{error}");
    }
}
