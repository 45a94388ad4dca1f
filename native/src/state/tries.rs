//! Which committed trie nodes stay in memory, and how many.

use alloy_primitives::B256;
use alloy_trie::EMPTY_ROOT_HASH;
use schnellru::{LruMap, Unlimited};

use crate::trie::{Link, sweep};

/// Of their bound, what a trie is swept down to, so that sweeps are rare.
const SWEPT: (usize, usize) = (3, 4);
/// A storage trie may take this part of the bound before its deep nodes go.
const LARGEST_STORAGE: usize = 4;

/// The account trie and recently used storage tries, within a bound together.
pub(super) struct Tries {
    limit: usize,
    accounts: Option<Link>,
    account_bytes: usize,
    storage: LruMap<B256, Storage, Unlimited>,
    storage_bytes: usize,
}

struct Storage {
    root: Link,
    bytes: usize,
}

impl Tries {
    /// `limit`: bytes of resident nodes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            accounts: None,
            account_bytes: 0,
            storage: LruMap::new(Unlimited),
            storage_bytes: 0,
        }
    }

    pub fn reset(&mut self, root: Option<Link>) {
        *self = Self {
            accounts: root,
            ..Self::new(self.limit)
        };
    }

    pub fn accounts(&self) -> Option<Link> {
        self.accounts.clone()
    }

    /// The storage trie with this root, with what of it is in memory.
    pub fn storage(&mut self, account: &B256, root: B256) -> Option<Link> {
        if root == EMPTY_ROOT_HASH {
            return None;
        }
        let kept = self
            .storage
            .get(account)
            .filter(|kept| kept.root.hash() == root);
        Some(kept.map_or_else(|| Link::stored(root), |kept| kept.root.clone()))
    }

    pub fn grow_accounts(&mut self, bytes: usize) {
        self.account_bytes += bytes;
    }

    /// Nodes were read into a committed storage trie.
    pub fn grow_storage(&mut self, account: B256, root: &Link, bytes: usize) {
        match self.storage.get(&account) {
            Some(kept) if kept.root.hash() == root.hash() => {
                kept.bytes += bytes;
                self.storage_bytes += bytes;
            }
            _ => self.put_storage(account, root.clone(), bytes),
        }
    }

    pub fn commit_accounts(&mut self, root: Option<Link>, growth: isize) {
        self.account_bytes = self.account_bytes.saturating_add_signed(growth);
        self.accounts = root;
    }

    pub fn commit_storage(&mut self, account: B256, root: Option<Link>, growth: isize) {
        let before = self.remove_storage(&account);
        if let Some(root) = root {
            self.put_storage(account, root, before.saturating_add_signed(growth));
        }
    }

    fn remove_storage(&mut self, account: &B256) -> usize {
        let bytes = self.storage.remove(account).map_or(0, |kept| kept.bytes);
        self.storage_bytes -= bytes;
        bytes
    }

    fn put_storage(&mut self, account: B256, root: Link, bytes: usize) {
        self.remove_storage(&account);
        let (root, bytes) = match bytes > self.limit / LARGEST_STORAGE {
            true => sweep(&root, part(self.limit / LARGEST_STORAGE, SWEPT)),
            false => (root, bytes),
        };
        self.storage.insert(account, Storage { root, bytes });
        self.storage_bytes += bytes;
    }

    /// Forget what is over the bound: first what the account trie takes beyond its half, then the
    /// storage tries that were not used for longest.
    pub fn trim(&mut self) {
        let allowed = (self.limit / 2).max(self.limit.saturating_sub(self.storage_bytes));
        if let Some(root) = &self.accounts
            && self.account_bytes > allowed
        {
            let (root, bytes) = sweep(root, part(allowed, SWEPT));
            (self.accounts, self.account_bytes) = (Some(root), bytes);
        }
        while self.storage_bytes > self.limit.saturating_sub(self.account_bytes) {
            let Some((_, dropped)) = self.storage.pop_oldest() else {
                break;
            };
            self.storage_bytes -= dropped.bytes;
        }
    }

    /// Resident bytes.
    pub fn bytes(&self) -> usize {
        self.account_bytes + self.storage_bytes
    }
}

fn part(whole: usize, (parts, of): (usize, usize)) -> usize {
    whole / of * parts
}
