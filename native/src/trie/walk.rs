//! Everything in one trie: for wiping an account's storage, and for checks.

use alloy_primitives::B256;

use super::key::{node_key, with_nibble};
use super::node::{Link, Node, Shape, children};
use super::resolve::read_node;
use crate::kv::Kv;
use crate::state::StateError;

#[derive(Debug, Default)]
pub struct Contents {
    /// Store keys of all stored nodes.
    pub nodes: Vec<Vec<u8>>,
    /// All keys with their values.
    pub leaves: Vec<(B256, Box<[u8]>)>,
}

/// Walks the whole trie level by level, with one read of the store each; attaches nothing.
pub fn contents(kv: &dyn Kv, prefix: &[u8], root: &Link) -> Result<Contents, StateError> {
    let mut found = Contents::default();
    let mut missing = Vec::new();
    visit_link(root, B256::ZERO, 0, prefix, &mut found, &mut missing);
    while !missing.is_empty() {
        let keys: Vec<_> = missing
            .iter()
            .map(|(_, path, depth)| node_key(prefix, path, *depth))
            .collect();
        let mut next = Vec::new();
        for ((hash, path, depth), rlp) in missing.into_iter().zip(kv.get_many(&keys)?) {
            let node = read_node(rlp.as_deref(), hash, &path, depth, 0)?;
            visit_node(&node, &path, depth, prefix, &mut found, &mut next);
        }
        missing = next;
    }
    Ok(found)
}

/// Walks a trie whose nodes come from elsewhere, in the order of their store keys.
pub struct Walker {
    prefix: Vec<u8>,
    /// Nodes still to come, the next one last.
    ahead: Missing,
}

impl Walker {
    pub fn new(prefix: Vec<u8>, root: Option<B256>) -> Self {
        let ahead = root.map(|hash| (hash, B256::ZERO, 0)).into_iter().collect();
        Self { prefix, ahead }
    }

    /// Store key of the next node; None at the end.
    pub fn expected(&self) -> Option<Vec<u8>> {
        let (_, path, depth) = self.ahead.last()?;
        Some(node_key(&self.prefix, path, *depth))
    }

    /// Take the next node's RLP, or nothing where the store has none: `Corrupt` unless it has the
    /// hash that its parent names.
    pub fn step(&mut self, rlp: Option<&[u8]>) -> Result<(), StateError> {
        let Some((hash, path, depth)) = self.ahead.pop() else {
            return Ok(());
        };
        let node = read_node(rlp, hash, &path, depth, 0)?;
        let (mut found, mut next) = (Contents::default(), Vec::new());
        visit_node(&node, &path, depth, &self.prefix, &mut found, &mut next);
        self.ahead.extend(next.into_iter().rev());
        Ok(())
    }
}

/// Hash, path and depth of nodes that are not in memory.
type Missing = Vec<(B256, B256, usize)>;

fn visit_link(
    link: &Link,
    path: B256,
    depth: usize,
    prefix: &[u8],
    found: &mut Contents,
    missing: &mut Missing,
) {
    if link.is_stored() {
        found.nodes.push(node_key(prefix, &path, depth));
    }
    match link.node() {
        Some(node) => visit_node(node, &path, depth, prefix, found, missing),
        None => missing.push((link.hash(), path, depth)),
    }
}

fn visit_node(
    node: &Node,
    path: &B256,
    depth: usize,
    prefix: &[u8],
    found: &mut Contents,
    missing: &mut Missing,
) {
    match &node.shape {
        Shape::Leaf { key, value } => found.leaves.push((*key, value.clone())),
        Shape::Extension { path, end, child } => {
            visit_link(child, *path, usize::from(*end), prefix, found, missing);
        }
        Shape::Branch { mask, links } => {
            for (at, link) in children(*mask, links) {
                let path = with_nibble(path, depth, at);
                visit_link(link, path, depth + 1, prefix, found, missing);
            }
        }
    }
}
