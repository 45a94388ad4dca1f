//! The reverse diffs of recent blocks, and the counters that order readers against the writer.
//!
//! A value that a reader takes from the store or a cache may already be that of a later block.
//! So it reads first and asks the diffs after it: whatever the store could show was announced by
//! `begin` before it was written.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, RwLock, Weak};

use schnellru::LruMap;

use super::cache::{ByWeight, Weigh};
use super::diff::ReverseDiff;
use super::{StateError, keys};
use crate::kv::Kv;

/// Diffs read from the store at once.
pub(super) const DIFFS_AT_ONCE: usize = 16;

pub(super) struct History {
    /// Blocks behind the head that can be read.
    pub blocks: u64,
    recent: RwLock<Recent>,
    older: Mutex<Older>,
    /// The last block whose diff must be consulted: the head, or the one being written.
    latest: AtomicU64,
    /// Goes up whenever a value read before may have become stale.
    version: AtomicU64,
}

/// The diffs of an unbroken run of blocks up to the head, and of the block being written.
struct Recent {
    diffs: VecDeque<(u64, Arc<ReverseDiff>)>,
    pending: Option<(u64, Arc<ReverseDiff>)>,
    bytes: usize,
    limit: usize,
}

/// Diffs read from the store: those used lately, and those that some view still holds, so that
/// many views of old blocks share them.
struct Older {
    kept: LruMap<u64, Arc<ReverseDiff>, ByWeight>,
    held: HashMap<u64, Weak<ReverseDiff>>,
}

impl Older {
    fn get(&mut self, number: u64) -> Option<Arc<ReverseDiff>> {
        let kept = self.kept.get(&number).cloned();
        kept.or_else(|| self.held.get(&number)?.upgrade())
    }

    fn put(&mut self, number: u64, diff: &Arc<ReverseDiff>) {
        self.held.retain(|_, diff| diff.strong_count() > 0);
        self.held.insert(number, Arc::downgrade(diff));
        self.kept.insert(number, diff.clone());
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.held.clear();
    }
}

impl Weigh for Arc<ReverseDiff> {
    fn weight(&self) -> usize {
        self.encoded().len() + size_of::<ReverseDiff>()
    }
}

impl History {
    /// Bounds in bytes: diffs kept since they were made, and diffs read from the store.
    pub fn new(blocks: u64, recent: usize, older: usize) -> Self {
        Self {
            blocks,
            recent: RwLock::new(Recent {
                diffs: VecDeque::new(),
                pending: None,
                bytes: 0,
                limit: recent,
            }),
            older: Mutex::new(Older {
                kept: LruMap::new(ByWeight::new(older)),
                held: HashMap::new(),
            }),
            latest: AtomicU64::new(0),
            version: AtomicU64::new(0),
        }
    }

    pub fn open(&self, head: u64) {
        let mut recent = self.recent.write().expect("recent diffs");
        recent.diffs.clear();
        recent.bytes = 0;
        recent.pending = None;
        self.older.lock().expect("older diffs").clear();
        self.latest.store(head, SeqCst);
        self.version.fetch_add(1, SeqCst);
    }

    pub fn latest(&self) -> u64 {
        self.latest.load(SeqCst)
    }

    /// The block between `begin` and its end.
    pub fn pending(&self) -> Option<u64> {
        let recent = self.recent.read().expect("recent diffs");
        recent.pending.as_ref().map(|(number, _)| *number)
    }

    pub fn version(&self) -> u64 {
        self.version.load(SeqCst)
    }

    /// The writes of `number` are about to reach the store.
    pub fn begin(&self, number: u64, diff: Arc<ReverseDiff>) {
        let mut recent = self.recent.write().expect("recent diffs");
        recent.pending = Some((number, diff));
        self.latest.store(number, SeqCst);
        self.version.fetch_add(1, SeqCst);
    }

    /// The pending block is in the store. Before caches take its values.
    pub fn commit(&self) {
        let mut recent = self.recent.write().expect("recent diffs");
        self.version.fetch_add(1, SeqCst);
        let Some((number, diff)) = recent.pending.take() else {
            return;
        };
        recent.bytes += diff.weight();
        recent.diffs.push_back((number, diff));
        while recent.bytes > recent.limit || recent.diffs.len() as u64 > self.blocks {
            let Some((_, dropped)) = recent.diffs.pop_front() else {
                break;
            };
            recent.bytes -= dropped.weight();
        }
    }

    /// The pending block did not reach the store.
    pub fn abort(&self, head: u64) {
        let mut recent = self.recent.write().expect("recent diffs");
        recent.pending = None;
        self.latest.store(head, SeqCst);
        self.version.fetch_add(1, SeqCst);
    }

    /// The diffs of the blocks after `from` up to `to`, ascending; None: up to the latest.
    pub fn between(
        &self,
        kv: &dyn Kv,
        from: u64,
        to: Option<u64>,
    ) -> Result<Vec<Arc<ReverseDiff>>, StateError> {
        let (found, first) = {
            let recent = self.recent.read().expect("recent diffs");
            let to = to.unwrap_or(self.latest());
            let all = recent.diffs.iter().chain(&recent.pending);
            let within: Vec<_> = all
                .filter(|(number, _)| from < *number && *number <= to)
                .collect();
            let first = within.first().map_or(to + 1, |(number, _)| *number);
            (
                within
                    .into_iter()
                    .map(|(_, diff)| diff.clone())
                    .collect::<Vec<_>>(),
                first,
            )
        };
        let mut diffs = self.stored(kv, from + 1, first)?;
        diffs.extend(found);
        Ok(diffs)
    }

    /// The diffs of blocks `first` to `end` (not with it) from the store.
    fn stored(
        &self,
        kv: &dyn Kv,
        first: u64,
        end: u64,
    ) -> Result<Vec<Arc<ReverseDiff>>, StateError> {
        let mut diffs: BTreeMap<u64, Arc<ReverseDiff>> = {
            let mut older = self.older.lock().expect("older diffs");
            (first..end)
                .filter_map(|number| Some((number, older.get(number)?)))
                .collect()
        };
        let missing: Vec<_> = (first..end)
            .filter(|number| !diffs.contains_key(number))
            .collect();
        for numbers in missing.chunks(DIFFS_AT_ONCE) {
            let loaded = load(kv, numbers, end - 1)?;
            let mut older = self.older.lock().expect("older diffs");
            for (number, diff) in numbers.iter().zip(loaded) {
                older.put(*number, &diff);
                diffs.insert(*number, diff);
            }
        }
        Ok(diffs.into_values().collect())
    }
}

/// Read the diffs of `numbers` with one read of the store. `head` is for the message only.
pub(super) fn load(
    kv: &dyn Kv,
    numbers: &[u64],
    head: u64,
) -> Result<Vec<Arc<ReverseDiff>>, StateError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = numbers
        .iter()
        .map(|number| keys::reverse_diff(*number))
        .collect();
    let values = kv.get_many(&keys)?;
    let last_missing = numbers
        .iter()
        .zip(&values)
        .rfind(|(_, value)| value.is_none());
    if let Some((number, _)) = last_missing {
        let asked = numbers[0].saturating_sub(1);
        return Err(StateError::HistoryUnavailable {
            asked,
            oldest: *number,
            head,
        });
    }
    values
        .into_iter()
        .flatten()
        .map(|bytes| Ok(Arc::new(ReverseDiff::decode(bytes)?)))
        .collect()
}
