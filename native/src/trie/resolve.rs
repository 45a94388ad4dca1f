//! Brings the nodes an update will meet into memory, level by level, one read of the store each.

use std::sync::Arc;

use alloy_primitives::{B256, keccak256};

use super::codec::decode;
use super::key::{common, nibble, node_key, with_nibble};
use super::node::{Link, Node, Shape, children};
use super::sweep::footprint;
use crate::kv::Kv;
use crate::state::StateError;

/// A key that will be read or changed.
#[derive(Clone, Copy, Debug)]
pub struct Touch {
    pub key: B256,
    /// It may be removed, so that a branch above may collapse.
    pub removes: bool,
}

/// One trie and the keys, sorted, that will be touched in it.
pub struct Job<'a> {
    /// Store prefix of its nodes.
    pub prefix: &'a [u8],
    pub root: &'a Link,
    pub touches: &'a [Touch],
}

/// Attach the missing nodes on the way to all touches of all jobs, and the lone sibling of what may
/// be removed. Returns the bytes each job's trie grew by.
pub fn resolve(kv: &dyn Kv, jobs: &[Job<'_>], born: u64) -> Result<Vec<usize>, StateError> {
    let mut grown = vec![0; jobs.len()];
    let mut missing = Vec::new();
    for (job, work) in jobs.iter().enumerate() {
        let at = Place {
            job,
            link: work.root,
            path: B256::ZERO,
            depth: 0,
            touches: work.touches,
        };
        descend(at, &mut missing);
    }
    while !missing.is_empty() {
        let keys: Vec<_> = missing.iter().map(|place| place.store_key(jobs)).collect();
        let mut next = Vec::new();
        for (place, rlp) in missing.into_iter().zip(kv.get_many(&keys)?) {
            let node = place.read(rlp.as_deref(), born)?;
            grown[place.job] += footprint(&node);
            place.link.attach(Arc::new(node));
            descend(place, &mut next);
        }
        missing = next;
    }
    Ok(grown)
}

/// A link, where it is, and the touches below it.
#[derive(Clone, Copy)]
struct Place<'a> {
    job: usize,
    link: &'a Link,
    path: B256,
    depth: usize,
    touches: &'a [Touch],
}

impl Place<'_> {
    fn store_key(&self, jobs: &[Job<'_>]) -> Vec<u8> {
        node_key(jobs[self.job].prefix, &self.path, self.depth)
    }

    fn read(&self, rlp: Option<&[u8]>, born: u64) -> Result<Node, StateError> {
        read_node(rlp, self.link.hash(), &self.path, self.depth, born)
    }
}

/// Check and decode a stored node.
pub(super) fn read_node(
    rlp: Option<&[u8]>,
    hash: B256,
    path: &B256,
    depth: usize,
    born: u64,
) -> Result<Node, StateError> {
    let fault = |what| {
        StateError::Corrupt(format!(
            "the trie node {hash} at {path}, depth {depth}, {what}"
        ))
    };
    let rlp = rlp.ok_or_else(|| fault("is missing"))?;
    if keccak256(rlp) != hash {
        return Err(fault("has another hash"));
    }
    decode(rlp, path, depth, born).ok_or_else(|| fault("does not decode"))
}

fn descend<'a>(place: Place<'a>, missing: &mut Vec<Place<'a>>) {
    let Some(node) = place.link.node() else {
        return missing.push(place);
    };
    match &node.shape {
        Shape::Leaf { .. } => {}
        Shape::Extension { path, end, child } => {
            let depth = usize::from(*end);
            let before = place.touches.partition_point(|touch| touch.key < *path);
            let rest = &place.touches[before..];
            let within = rest.partition_point(|touch| common(&touch.key, path) >= depth);
            if within > 0 {
                let touches = &rest[..within];
                descend(
                    Place {
                        link: child,
                        path: *path,
                        depth,
                        touches,
                        ..place
                    },
                    missing,
                );
            }
        }
        Shape::Branch { mask, links } => descend_branch(place, *mask, links, missing),
    }
}

fn descend_branch<'a>(
    place: Place<'a>,
    mask: u16,
    links: &'a [Link],
    missing: &mut Vec<Place<'a>>,
) {
    let mut rest = place.touches;
    let mut untouched = Vec::new();
    let mut survivors = 0;
    for (at, link) in children(mask, links) {
        let before = rest.partition_point(|touch| nibble(&touch.key, place.depth) < at);
        survivors += usize::from(rest[..before].iter().any(|touch| !touch.removes));
        rest = &rest[before..];
        let (touches, tail) =
            rest.split_at(rest.partition_point(|touch| nibble(&touch.key, place.depth) == at));
        rest = tail;
        let path = with_nibble(&place.path, place.depth, at);
        let child = Place {
            link,
            path,
            depth: place.depth + 1,
            touches,
            ..place
        };
        if touches.is_empty() {
            untouched.push(child);
        } else {
            survivors += usize::from(touches.iter().any(|touch| !touch.removes));
            descend(child, missing);
        }
    }
    survivors += usize::from(rest.iter().any(|touch| !touch.removes));
    if !place.touches.is_empty() && untouched.len() + survivors <= 1 {
        untouched
            .into_iter()
            .for_each(|child| descend(child, missing));
    }
}
