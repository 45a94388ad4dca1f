//! From the changes of a block to the new state root, the write set and the reverse diff.
//!
//! Reads committed state only and changes nothing of it. All reads of the store come first, in few
//! batches; the hashing after them runs on all cores where the work is large, and never attaches to
//! the interpreter.

use std::collections::HashSet;
use std::sync::Arc;

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use rayon::prelude::*;
use revm::state::Bytecode;

use super::diff::{ReverseDiff, SlotGroup};
use super::{AccountChange, FlatAccount, StateChanges, StateError, StateStore, keys};
use crate::kv::Value;
use crate::trie::{Contents, Job, Link, Op, Output, Retention, Touch, contents, resolve, update};

/// From how many accounts and slots on the work is spread over all cores.
const PARALLEL_ITEMS: usize = 256;

/// What a block does to state.
pub(super) struct Effects {
    pub state_root: B256,
    /// The account trie, and how much its resident nodes grew, bytes.
    pub root: Option<Link>,
    pub growth: isize,
    pub storage: Vec<StorageEffect>,
    /// Accounts that differ from before.
    pub accounts: Vec<(Address, Option<FlatAccount>)>,
    /// Slots that differ from before, without those of wiped storage.
    pub slots: Vec<((Address, U256), U256)>,
    /// Storage from before the block was wiped.
    pub wiped: bool,
    pub codes: Vec<(B256, Bytecode)>,
    pub writes: Vec<(Vec<u8>, Value)>,
    pub diff: Arc<ReverseDiff>,
}

/// A storage trie that changed.
pub(super) struct StorageEffect {
    pub account: B256,
    pub root: Option<Link>,
    /// How much its resident nodes grew, bytes.
    pub growth: isize,
    /// It was made from nothing, whatever was there before.
    pub fresh: bool,
}

/// An account of the block, in the order of its hash, with what was there before.
struct Item<'a> {
    change: &'a AccountChange,
    hash: B256,
    before: Option<FlatAccount>,
    slots: Vec<Slot>,
    /// The storage trie before; None: empty.
    trie: Option<Link>,
    /// All of the storage before, where it is wiped.
    wiped: Option<Contents>,
}

/// A slot whose value differs from before.
struct Slot {
    key: U256,
    hash: B256,
    before: U256,
    after: U256,
}

/// An account's storage after the block.
struct Storage {
    root: Option<Link>,
    out: Output,
}

pub(super) fn run(
    store: &StateStore,
    number: u64,
    changes: &StateChanges,
    retention: Retention,
) -> Result<Effects, StateError> {
    let parallel = changes.len() >= PARALLEL_ITEMS;
    let items = items(store, changes, parallel)?;
    let accounts = store.lock_tries().accounts();
    resolve_all(store, &items, accounts.as_ref(), number)?;
    let storage = update_storage(&items, number, retention, parallel)?;
    let after = accounts_after(&items, &storage);
    let (root, out) = update_accounts(&items, &after, accounts.as_ref(), number, retention)?;
    let mut effects = Effects {
        state_root: root.as_ref().map_or(EMPTY_ROOT_HASH, Link::hash),
        root,
        growth: out.growth,
        storage: Vec::new(),
        accounts: Vec::new(),
        slots: Vec::new(),
        wiped: items.iter().any(|item| item.wiped.is_some()),
        codes: Vec::new(),
        writes: Vec::new(),
        diff: Arc::new(ReverseDiff::new(&[], &[])),
    };
    if retention == Retention::Writes {
        effects.diff = Arc::new(reverse_diff(&items, &after));
        effects.codes.clone_from(&changes.codes);
        write_flat(&items, &after, &mut effects);
        write_history(store, number, &mut effects);
        write_trie(out, &mut effects.writes);
        write_storage(items, storage, &mut effects);
    }
    Ok(effects)
}

/// Hash, sort, and read what was there before.
fn items<'a>(
    store: &StateStore,
    changes: &'a StateChanges,
    parallel: bool,
) -> Result<Vec<Item<'a>>, StateError> {
    let mut items: Vec<_> = match parallel {
        true => changes.accounts.par_iter().map(item).collect(),
        false => changes.accounts.iter().map(item).collect::<Vec<_>>(),
    };
    items.sort_unstable_by_key(|item| item.hash);
    let addresses: Vec<_> = items.iter().map(|item| item.change.address).collect();
    let asked = |item: &Item<'_>| !item.wipes();
    let slots: Vec<_> = items
        .iter()
        .filter(|item| asked(item))
        .flat_map(|item| {
            item.slots
                .iter()
                .map(|slot| (item.change.address, slot.key))
        })
        .collect();
    let (accounts, values) = store.load(&addresses, &slots)?;
    let mut values = values.into_iter();
    for (item, before) in items.iter_mut().zip(accounts) {
        item.before = before;
        if asked(item) {
            item.slots
                .iter_mut()
                .zip(&mut values)
                .for_each(|(slot, value)| slot.before = value);
        }
        item.slots.retain(|slot| slot.before != slot.after);
        let root = before.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
        if item.wipes() || !item.slots.is_empty() {
            item.trie = store.lock_tries().storage(&item.hash, root);
        }
        if item.wipes()
            && let Some(trie) = item.trie.take()
        {
            item.wiped = Some(contents(
                &*store.kv,
                &keys::storage_trie(&item.hash),
                &trie,
            )?);
        }
    }
    Ok(items)
}

fn item(change: &AccountChange) -> Item<'_> {
    let slot = |(key, after): &(U256, U256)| Slot {
        key: *key,
        hash: keccak256(key.to_be_bytes::<32>()),
        before: U256::ZERO,
        after: *after,
    };
    // The storage of an account that is gone is gone with it.
    let kept = change.slots.iter().filter(|_| change.fields.is_some());
    let mut slots: Vec<_> = kept.map(slot).collect();
    slots.sort_unstable_by_key(|slot| slot.hash);
    let hash = keccak256(change.address);
    Item {
        change,
        hash,
        before: None,
        slots,
        trie: None,
        wiped: None,
    }
}

impl Item<'_> {
    fn wipes(&self) -> bool {
        self.change.wiped || self.change.fields.is_none()
    }
}

/// Bring all trie nodes on the way into memory, of all tries together.
fn resolve_all(
    store: &StateStore,
    items: &[Item<'_>],
    accounts: Option<&Link>,
    number: u64,
) -> Result<(), StateError> {
    let touches: Vec<_> = items
        .iter()
        .map(|item| Touch {
            key: item.hash,
            removes: item.change.fields.is_none(),
        })
        .collect();
    let storage: Vec<_> = items
        .iter()
        .filter_map(|item| Some((item, item.trie.as_ref()?, keys::storage_trie(&item.hash))))
        .map(|(item, root, prefix)| {
            let touch = |slot: &Slot| Touch {
                key: slot.hash,
                removes: slot.after.is_zero(),
            };
            (
                item,
                root,
                prefix,
                item.slots.iter().map(touch).collect::<Vec<_>>(),
            )
        })
        .collect();
    let mut jobs: Vec<_> = storage
        .iter()
        .map(|(_, root, prefix, touches)| Job {
            prefix,
            root,
            touches,
        })
        .collect();
    jobs.extend(accounts.map(|root| Job {
        prefix: keys::ACCOUNT_TRIE,
        root,
        touches: &touches,
    }));
    let mut grown = resolve(&*store.kv, &jobs, number)?.into_iter();
    let mut tries = store.lock_tries();
    for ((item, root, ..), bytes) in storage
        .iter()
        .zip(&mut grown)
        .filter(|(_, bytes)| *bytes > 0)
    {
        tries.grow_storage(item.hash, root, bytes);
    }
    tries.grow_accounts(grown.next().unwrap_or(0));
    Ok(())
}

fn update_storage(
    items: &[Item<'_>],
    number: u64,
    retention: Retention,
    parallel: bool,
) -> Result<Vec<Option<Storage>>, StateError> {
    let one = |item: &Item<'_>| {
        (!item.slots.is_empty())
            .then(|| update_slots(item, number, retention))
            .transpose()
    };
    match parallel {
        true => items.par_iter().map(one).collect(),
        false => items.iter().map(one).collect(),
    }
}

fn update_slots(item: &Item<'_>, number: u64, retention: Retention) -> Result<Storage, StateError> {
    let values: Vec<_> = item
        .slots
        .iter()
        .map(|slot| alloy_rlp::encode(slot.after))
        .collect();
    let ops: Vec<_> = item
        .slots
        .iter()
        .zip(&values)
        .map(|(slot, value)| Op {
            key: slot.hash,
            value: (!slot.after.is_zero()).then_some(value.as_slice()),
        })
        .collect();
    let prefix = keys::storage_trie(&item.hash);
    let (root, out) = update(&prefix, item.trie.as_ref(), &ops, number, retention)?;
    Ok(Storage { root, out })
}

fn accounts_after(items: &[Item<'_>], storage: &[Option<Storage>]) -> Vec<Option<FlatAccount>> {
    let after = |(item, storage): (&Item<'_>, &Option<Storage>)| {
        let fields = item.change.fields?;
        let kept = item.before.filter(|_| !item.wipes());
        Some(FlatAccount {
            nonce: fields.nonce,
            balance: fields.balance,
            code_hash: fields.code_hash,
            storage_root: match storage {
                Some(storage) => storage.root.as_ref().map_or(EMPTY_ROOT_HASH, Link::hash),
                None => kept.map_or(EMPTY_ROOT_HASH, |account| account.storage_root),
            },
        })
    };
    items.iter().zip(storage).map(after).collect()
}

fn update_accounts(
    items: &[Item<'_>],
    after: &[Option<FlatAccount>],
    root: Option<&Link>,
    number: u64,
    retention: Retention,
) -> Result<(Option<Link>, Output), StateError> {
    let changed = items
        .iter()
        .zip(after)
        .filter(|(item, after)| item.before != **after);
    let values: Vec<_> = changed
        .map(|(item, after)| (item.hash, after.map(|account| account.trie_value())))
        .collect();
    let ops: Vec<_> = values
        .iter()
        .map(|(key, value)| Op {
            key: *key,
            value: value.as_deref(),
        })
        .collect();
    update(keys::ACCOUNT_TRIE, root, &ops, number, retention)
}

fn reverse_diff(items: &[Item<'_>], after: &[Option<FlatAccount>]) -> ReverseDiff {
    let changed = items
        .iter()
        .zip(after)
        .filter(|(item, after)| item.before != **after);
    let accounts: Vec<_> = changed.map(|(item, _)| (item.hash, item.before)).collect();
    let groups: Vec<SlotGroup> = items.iter().filter_map(slots_before).collect();
    ReverseDiff::new(&accounts, &groups)
}

fn slots_before(item: &Item<'_>) -> Option<SlotGroup> {
    let mut slots: Vec<_> = item
        .slots
        .iter()
        .map(|slot| (slot.hash, slot.before))
        .collect();
    if let Some(wiped) = &item.wiped {
        let known: HashSet<_> = wiped.leaves.iter().map(|(hash, _)| *hash).collect();
        slots.retain(|(hash, _)| !known.contains(hash));
        slots.extend(
            wiped
                .leaves
                .iter()
                .map(|(hash, value)| (*hash, wiped_value(value))),
        );
        slots.sort_unstable_by_key(|(hash, _)| *hash);
    }
    (!slots.is_empty()).then_some((item.hash, slots))
}

/// The value of a storage leaf. The node's hash was checked when it was read.
fn wiped_value(rlp: &[u8]) -> U256 {
    alloy_rlp::decode_exact(rlp).unwrap_or_default()
}

fn write_flat(items: &[Item<'_>], after: &[Option<FlatAccount>], effects: &mut Effects) {
    for (item, after) in items.iter().zip(after) {
        let address = item.change.address;
        if item.before != *after {
            let value = after.map(|account| account.encode());
            effects.writes.push((keys::account(&item.hash), value));
            effects.accounts.push((address, *after));
        }
        if let Some(wiped) = &item.wiped {
            let rewritten: HashSet<_> = item.slots.iter().map(|slot| slot.hash).collect();
            let gone = wiped
                .leaves
                .iter()
                .filter(|(hash, _)| !rewritten.contains(hash));
            effects
                .writes
                .extend(gone.map(|(hash, _)| (keys::slot(&item.hash, hash), None)));
        }
        for slot in &item.slots {
            let value = (!slot.after.is_zero()).then(|| slot.after.to_be_bytes_trimmed_vec());
            effects
                .writes
                .push((keys::slot(&item.hash, &slot.hash), value));
            effects.slots.push(((address, slot.key), slot.after));
        }
    }
    let codes = effects.codes.iter();
    effects.writes.extend(
        codes.map(|(hash, code)| (keys::code(hash), Some(code.original_byte_slice().to_vec()))),
    );
}

/// Genesis overwrites nothing, so it has no diff.
fn write_history(store: &StateStore, number: u64, effects: &mut Effects) {
    if number == 0 {
        return;
    }
    let diff = effects.diff.encoded().to_vec();
    effects
        .writes
        .push((keys::reverse_diff(number), Some(diff)));
    if let Some(expired) = number
        .checked_sub(store.history.blocks + 1)
        .filter(|n| *n > 0)
    {
        effects.writes.push((keys::reverse_diff(expired), None));
    }
}

fn write_storage(items: Vec<Item<'_>>, storage: Vec<Option<Storage>>, effects: &mut Effects) {
    for (item, storage) in items.into_iter().zip(storage) {
        let fresh = item.wiped.is_some();
        let touched = fresh || storage.is_some();
        let mut gone = item.wiped.map_or_else(Vec::new, |wiped| wiped.nodes);
        let Storage { root, out } = storage.unwrap_or_else(|| Storage {
            root: None,
            out: Output::default(),
        });
        let growth = out.growth;
        if !gone.is_empty() {
            let rewritten: HashSet<_> = out.puts.iter().map(|(key, _)| key).collect();
            gone.retain(|key| !rewritten.contains(key));
        }
        effects
            .writes
            .extend(gone.into_iter().map(|key| (key, None)));
        write_trie(out, &mut effects.writes);
        if touched {
            effects.storage.push(StorageEffect {
                account: item.hash,
                root,
                growth,
                fresh,
            });
        }
    }
}

fn write_trie(out: Output, writes: &mut Vec<(Vec<u8>, Value)>) {
    writes.extend(out.puts.into_iter().map(|(key, rlp)| (key, Some(rlp))));
    writes.extend(out.deletes.into_iter().map(|key| (key, None)));
}
