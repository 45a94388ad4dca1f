//! Bounded caches of what is in the store at the head: accounts, slots, analysed code.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard};

use alloy_primitives::{Address, B256, U256};
use revm::state::Bytecode;
use schnellru::{ByLength, Limiter, LruMap};

use super::FlatAccount;

/// Locks that a cache is spread over, so that readers rarely meet.
const SHARDS: usize = 16;
/// What the map needs for an entry beside key and value: links, index slots, spare capacity.
const ENTRY_OVERHEAD: usize = 32;
/// Analysed code beside its bytes: the jump table and the allocation.
const CODE_OVERHEAD: usize = 256;

pub(super) struct Caches {
    pub accounts: Cache<Address, Option<FlatAccount>>,
    pub slots: Cache<(Address, U256), U256>,
    codes: Mutex<LruMap<B256, Bytecode, ByWeight>>,
}

impl Caches {
    /// Bounds in bytes.
    pub fn new(accounts: usize, slots: usize, codes: usize) -> Self {
        Self {
            accounts: Cache::new(accounts),
            slots: Cache::new(slots),
            codes: Mutex::new(LruMap::new(ByWeight::new(codes))),
        }
    }

    /// Forget accounts and slots.
    pub fn clear(&self) {
        self.accounts.clear();
        self.slots.clear();
    }

    pub fn code(&self, hash: &B256) -> Option<Bytecode> {
        self.codes.lock().expect("code cache").get(hash).cloned()
    }

    /// Code is named by its content, so it never goes stale.
    pub fn put_code(&self, hash: B256, code: Bytecode) {
        self.codes.lock().expect("code cache").insert(hash, code);
    }
}

/// A sharded map that forgets what was not used for longest.
pub(super) struct Cache<K, V> {
    shards: Vec<Mutex<LruMap<K, V, ByLength>>>,
    hasher: schnellru::RandomState,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    fn new(bytes: usize) -> Self {
        let entry = size_of::<K>() + size_of::<V>() + ENTRY_OVERHEAD;
        let length = ByLength::new((bytes / entry / SHARDS).max(1) as u32);
        Self {
            shards: (0..SHARDS)
                .map(|_| Mutex::new(LruMap::new(length)))
                .collect(),
            hasher: schnellru::RandomState::default(),
        }
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, LruMap<K, V, ByLength>> {
        let hash = std::hash::BuildHasher::hash_one(&self.hasher, key);
        self.shards[hash as usize % SHARDS]
            .lock()
            .expect("cache shard")
    }

    pub fn get(&self, key: &K) -> Option<V> {
        self.shard(key).get(key).cloned()
    }

    pub fn put(&self, key: K, value: V) {
        self.shard(&key).insert(key, value);
    }

    /// Put what was read from the store, unless `is_current` says that it may be stale by now. It
    /// is asked under the lock that a commit's `put` of the same key takes after it has spoken.
    pub fn fill(&self, key: K, value: V, is_current: impl Fn() -> bool) {
        let mut shard = self.shard(&key);
        if is_current() {
            shard.insert(key, value);
        }
    }

    pub fn clear(&self) {
        self.shards
            .iter()
            .for_each(|shard| shard.lock().expect("cache shard").clear());
    }
}

/// Bounds a map of values of very different sizes by their bytes.
pub(super) struct ByWeight {
    limit: usize,
    weight: usize,
}

impl ByWeight {
    pub fn new(limit: usize) -> Self {
        Self { limit, weight: 0 }
    }
}

pub(super) trait Weigh {
    fn weight(&self) -> usize;
}

impl Weigh for Bytecode {
    fn weight(&self) -> usize {
        self.original_byte_slice().len() * 9 / 8 + CODE_OVERHEAD
    }
}

impl<K, V: Weigh> Limiter<K, V> for ByWeight {
    type KeyToInsert<'a> = K;
    type LinkType = u32;

    fn is_over_the_limit(&self, _length: usize) -> bool {
        self.weight > self.limit
    }

    fn on_insert(&mut self, _length: usize, key: K, value: V) -> Option<(K, V)> {
        if value.weight() > self.limit {
            return None;
        }
        self.weight += value.weight();
        Some((key, value))
    }

    fn on_replace(&mut self, _: usize, _: &mut K, _: K, old: &mut V, new: &mut V) -> bool {
        self.weight = self.weight - old.weight() + new.weight();
        true
    }

    fn on_removed(&mut self, _key: &mut K, value: &mut V) {
        self.weight -= value.weight();
    }

    fn on_cleared(&mut self) {
        self.weight = 0;
    }

    fn on_grow(&mut self, _new_memory_usage: usize) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_its_bytes() {
        let caches = Caches::new(100_000, 100_000, 10_000);
        for n in 0..100_000u64 {
            caches.slots.put((Address::ZERO, U256::from(n)), U256::ZERO);
        }
        let kept = caches
            .slots
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap().len())
            .sum::<usize>();
        assert!(
            kept > 100 && kept * size_of::<((Address, U256), U256)>() < 100_000,
            "{kept}"
        );
    }

    #[test]
    fn bounds_code_by_its_size() {
        let caches = Caches::new(1000, 1000, 10_000);
        let code = |n: u8| Bytecode::new_raw(vec![n; 3000].into());
        (0..5).for_each(|n| caches.put_code(B256::repeat_byte(n), code(n)));
        let kept: Vec<_> = (0..5)
            .filter(|n| caches.code(&B256::repeat_byte(*n)).is_some())
            .collect();
        assert_eq!(kept, [3, 4]);
        caches.put_code(
            B256::repeat_byte(9),
            Bytecode::new_raw(vec![0; 20_000].into()),
        );
        assert!(caches.code(&B256::repeat_byte(9)).is_none());
    }

    #[test]
    fn does_not_take_what_may_be_stale() {
        let caches = Caches::new(10_000, 1000, 1000);
        caches.accounts.fill(Address::ZERO, None, || false);
        assert_eq!(caches.accounts.get(&Address::ZERO), None);
        caches.accounts.fill(Address::ZERO, None, || true);
        assert_eq!(caches.accounts.get(&Address::ZERO), Some(None));
        caches.accounts.clear();
        assert_eq!(caches.accounts.get(&Address::ZERO), None);
    }
}
