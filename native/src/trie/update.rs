//! One walk over a trie that applies a sorted set of changes.
//!
//! Pure: reads committed nodes, returns the new root and what to write. Every node on the way must
//! be resident (`resolve`). Each position of the old trie has exactly one owner here that compares
//! what was stored there with what is now: the parent's branch or extension, or the root.

use std::sync::Arc;

use alloy_primitives::{B256, keccak256};
use rayon::prelude::*;

use super::codec::encode;
use super::key::{common, nibble, node_key, truncate, with_nibble};
use super::node::{Link, Node, Shape, children};
use super::sweep::footprint;
use crate::state::StateError;

/// From how many changes on the children of the root are updated on all cores.
const PARALLEL_OPS: usize = 256;

/// A change of one key; None removes it. Values are never empty.
#[derive(Clone, Copy, Debug)]
pub struct Op<'a> {
    pub key: B256,
    pub value: Option<&'a [u8]>,
}

/// What an update leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// The root hash only.
    Root,
    /// New nodes in memory.
    Nodes,
    /// New nodes in memory, and the write set.
    Writes,
}

#[derive(Debug, Default)]
pub struct Output {
    pub puts: Vec<(Vec<u8>, Vec<u8>)>,
    pub deletes: Vec<Vec<u8>>,
    /// Growth of the resident nodes, bytes.
    pub growth: isize,
}

impl Output {
    fn append(&mut self, mut other: Self) {
        self.puts.append(&mut other.puts);
        self.deletes.append(&mut other.deletes);
        self.growth += other.growth;
    }
}

/// Apply `ops`, sorted by key and unique, to the trie at `root` (None: empty), whose nodes are
/// stored under `prefix`. `born`: the block.
pub fn update(
    prefix: &[u8],
    root: Option<&Link>,
    ops: &[Op<'_>],
    born: u64,
    retention: Retention,
) -> Result<(Option<Link>, Output), StateError> {
    let mut updater = Updater::new(prefix, born, retention);
    let old = root.map_or(Old::Nothing, Old::Sealed);
    let link = match updater.position(old, 0, ops)? {
        Outcome::Same => root.cloned(),
        Outcome::Gone => {
            updater.retire(old, &B256::ZERO, 0);
            None
        }
        Outcome::Fresh(shape) => {
            updater.forget(old);
            Some(updater.seal(shape, &B256::ZERO, 0))
        }
    };
    Ok((link, updater.out))
}

/// What was at a position before.
#[derive(Clone, Copy)]
enum Old<'a> {
    Nothing,
    Sealed(&'a Link),
    /// The rest of an extension that is being split: not a node of the old trie.
    Loose(&'a Shape),
}

impl<'a> Old<'a> {
    fn shape(self) -> Result<Option<&'a Shape>, StateError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Loose(shape) => Ok(Some(shape)),
            Self::Sealed(link) => match link.node() {
                Some(node) => Ok(Some(&node.shape)),
                None => Err(StateError::Misuse(
                    "a trie node was not resolved before its update".into(),
                )),
            },
        }
    }

    fn exists(self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// What is at a position now. A fresh shape is not encoded yet: its parent may still absorb it.
enum Outcome {
    Same,
    Gone,
    Fresh(Shape),
}

struct Updater<'p> {
    prefix: &'p [u8],
    born: u64,
    retention: Retention,
    scratch: Vec<u8>,
    out: Output,
}

impl<'p> Updater<'p> {
    fn new(prefix: &'p [u8], born: u64, retention: Retention) -> Self {
        Self {
            prefix,
            born,
            retention,
            scratch: Vec::with_capacity(600),
            out: Output::default(),
        }
    }

    fn position(
        &mut self,
        old: Old<'_>,
        depth: usize,
        ops: &[Op<'_>],
    ) -> Result<Outcome, StateError> {
        match old.shape()? {
            None => self.build(ops, depth),
            Some(Shape::Leaf { key, value }) => self.leaf(key, value, depth, ops),
            Some(Shape::Extension { path, end, child }) => {
                self.extension(path, usize::from(*end), child, depth, ops)
            }
            Some(Shape::Branch { mask, links }) => {
                let mut olds = [Old::Nothing; 16];
                children(*mask, links).for_each(|(at, link)| olds[at] = Old::Sealed(link));
                self.branch(&olds, depth, ops)
            }
        }
    }

    /// Where nothing was.
    fn build(&mut self, ops: &[Op<'_>], depth: usize) -> Result<Outcome, StateError> {
        if ops.iter().any(|op| op.value.is_none()) {
            let kept: Vec<_> = ops
                .iter()
                .copied()
                .filter(|op| op.value.is_some())
                .collect();
            return self.build(&kept, depth);
        }
        match ops {
            [] => Ok(Outcome::Same),
            [Op { key, value }] => Ok(Outcome::Fresh(Shape::Leaf {
                key: *key,
                value: value.unwrap_or_default().into(),
            })),
            [first, .., last] => {
                let fork = common(&first.key, &last.key);
                let outcome = self.branch(&[Old::Nothing; 16], fork, ops)?;
                Ok(self.lead_to(outcome, &first.key, depth, fork))
            }
        }
    }

    fn leaf(
        &mut self,
        key: &B256,
        value: &[u8],
        depth: usize,
        ops: &[Op<'_>],
    ) -> Result<Outcome, StateError> {
        let at = ops.partition_point(|op| op.key < *key);
        let touched = ops.get(at).is_some_and(|op| op.key == *key);
        let adds = ops.iter().any(|op| op.value.is_some() && op.key != *key);
        match (touched, adds) {
            (false, false) => Ok(Outcome::Same),
            (true, false) => Ok(match ops[at].value {
                None => Outcome::Gone,
                Some(new) if new == value => Outcome::Same,
                Some(new) => Outcome::Fresh(Shape::Leaf {
                    key: *key,
                    value: new.into(),
                }),
            }),
            (true, true) => self.build(ops, depth),
            (false, true) => {
                let mut all = ops.to_vec();
                all.insert(
                    at,
                    Op {
                        key: *key,
                        value: Some(value),
                    },
                );
                self.build(&all, depth)
            }
        }
    }

    fn extension(
        &mut self,
        path: &B256,
        end: usize,
        child: &Link,
        depth: usize,
        ops: &[Op<'_>],
    ) -> Result<Outcome, StateError> {
        let through = |op: &Op<'_>| common(&op.key, path) >= end;
        if ops.iter().any(|op| op.value.is_none() && !through(op)) {
            let kept: Vec<_> = ops
                .iter()
                .copied()
                .filter(|op| op.value.is_some() || through(op))
                .collect();
            return self.extension(path, end, child, depth, &kept);
        }
        let (Some(first), Some(last)) = (ops.first(), ops.last()) else {
            return Ok(Outcome::Same);
        };
        let fork = common(&first.key, path).min(common(&last.key, path));
        if fork >= end {
            return self.extended(path, end, child, ops);
        }
        let rest = Shape::Extension {
            path: *path,
            end: end as u8,
            child: Box::new(child.clone()),
        };
        let mut olds = [Old::Nothing; 16];
        olds[nibble(path, fork)] = if fork + 1 == end {
            Old::Sealed(child)
        } else {
            Old::Loose(&rest)
        };
        let outcome = self.branch(&olds, fork, ops)?;
        Ok(self.lead_to(outcome, path, depth, fork))
    }

    /// All changes go through the extension to its branch.
    fn extended(
        &mut self,
        path: &B256,
        end: usize,
        child: &Link,
        ops: &[Op<'_>],
    ) -> Result<Outcome, StateError> {
        let old = Old::Sealed(child);
        Ok(match self.position(old, end, ops)? {
            Outcome::Same => Outcome::Same,
            Outcome::Gone => {
                self.retire(old, path, end);
                Outcome::Gone
            }
            Outcome::Fresh(shape @ Shape::Branch { .. }) => {
                let child = Box::new(self.seal_over(old, shape, path, end));
                Outcome::Fresh(Shape::Extension {
                    path: *path,
                    end: end as u8,
                    child,
                })
            }
            absorbed => {
                self.retire(old, path, end);
                absorbed
            }
        })
    }

    /// Put an extension before a branch that was made below its position.
    fn lead_to(&mut self, outcome: Outcome, path: &B256, depth: usize, fork: usize) -> Outcome {
        match outcome {
            Outcome::Fresh(shape @ Shape::Branch { .. }) if fork > depth => {
                let path = truncate(path, fork);
                let child = Box::new(self.seal(shape, &path, fork));
                Outcome::Fresh(Shape::Extension {
                    path,
                    end: fork as u8,
                    child,
                })
            }
            other => other,
        }
    }

    fn branch(
        &mut self,
        olds: &[Old<'_>; 16],
        depth: usize,
        ops: &[Op<'_>],
    ) -> Result<Outcome, StateError> {
        let Some(first) = ops.first() else {
            return Ok(Outcome::Same);
        };
        let mut news = self.branch_children(olds, depth, ops)?;
        if news.iter().all(|new| matches!(new, Outcome::Same)) {
            return Ok(Outcome::Same);
        }
        let lives = |at: usize| match news[at] {
            Outcome::Same => olds[at].exists(),
            Outcome::Gone => false,
            Outcome::Fresh(_) => true,
        };
        let mask = (0..16)
            .filter(|at| lives(*at))
            .fold(0u16, |mask, at| mask | 1 << at);
        for at in (0..16).filter(|at| mask & 1 << at == 0) {
            self.retire(olds[at], &with_nibble(&first.key, depth, at), depth + 1);
        }
        match mask.count_ones() {
            0 => Ok(Outcome::Gone),
            1 => {
                let at = mask.trailing_zeros() as usize;
                let new = std::mem::replace(&mut news[at], Outcome::Same);
                self.collapse(
                    olds[at],
                    new,
                    &with_nibble(&first.key, depth, at),
                    depth + 1,
                )
            }
            count => {
                let mut links = Vec::with_capacity(count as usize);
                for (at, new) in news
                    .into_iter()
                    .enumerate()
                    .filter(|(at, _)| mask & 1 << at != 0)
                {
                    links.push(self.child_link(olds[at], new, &first.key, depth, at));
                }
                Ok(Outcome::Fresh(Shape::Branch {
                    mask,
                    links: links.into_boxed_slice(),
                }))
            }
        }
    }

    fn branch_children(
        &mut self,
        olds: &[Old<'_>; 16],
        depth: usize,
        ops: &[Op<'_>],
    ) -> Result<[Outcome; 16], StateError> {
        let mut news = [const { Outcome::Same }; 16];
        if depth == 0 && ops.len() >= PARALLEL_OPS {
            let groups: Vec<_> = groups(ops, depth).collect();
            let (prefix, born, retention) = (self.prefix, self.born, self.retention);
            let done: Result<Vec<_>, StateError> = groups
                .into_par_iter()
                .map(|(at, group)| {
                    let mut part = Updater::new(prefix, born, retention);
                    let outcome = part.position(olds[at], depth + 1, group)?;
                    Ok((at, outcome, part.out))
                })
                .collect();
            for (at, outcome, out) in done? {
                news[at] = outcome;
                self.out.append(out);
            }
        } else {
            for (at, group) in groups(ops, depth) {
                news[at] = self.position(olds[at], depth + 1, group)?;
            }
        }
        Ok(news)
    }

    fn child_link(
        &mut self,
        old: Old<'_>,
        new: Outcome,
        key: &B256,
        depth: usize,
        at: usize,
    ) -> Link {
        match (new, old) {
            (Outcome::Fresh(shape), _) => {
                self.seal_over(old, shape, &with_nibble(key, depth, at), depth + 1)
            }
            (_, Old::Loose(shape)) => {
                self.seal(shape.clone(), &with_nibble(key, depth, at), depth + 1)
            }
            // For the root alone the hash will do, and the child's count stays untouched.
            (_, Old::Sealed(link)) if self.retention == Retention::Root && link.is_stored() => {
                Link::stored(link.hash())
            }
            (_, Old::Sealed(link)) => link.clone(),
            (_, Old::Nothing) => unreachable!("a child that lives is old or fresh"),
        }
    }

    /// A branch is left with one child, at `path` and `depth`: leaf and extension move up, a branch
    /// gets an extension of one nibble.
    fn collapse(
        &mut self,
        old: Old<'_>,
        new: Outcome,
        path: &B256,
        depth: usize,
    ) -> Result<Outcome, StateError> {
        let fresh = match new {
            Outcome::Fresh(shape) => Some(shape),
            _ => None,
        };
        let shape = match (&fresh, old.shape()?) {
            (Some(shape), _) | (None, Some(shape)) => shape,
            (None, None) => unreachable!("a child that lives is old or fresh"),
        };
        if !matches!(shape, Shape::Branch { .. }) {
            let shape = shape.clone();
            self.retire(old, path, depth);
            return Ok(Outcome::Fresh(shape));
        }
        let child = match (fresh, old) {
            (Some(shape), _) => self.seal_over(old, shape, path, depth),
            (None, Old::Sealed(link)) => link.clone(),
            (None, _) => unreachable!("a loose node is an extension"),
        };
        Ok(Outcome::Fresh(Shape::Extension {
            path: *path,
            end: depth as u8,
            child: Box::new(child),
        }))
    }

    /// Encode, hash and write a node that replaces what was at its position.
    fn seal_over(&mut self, old: Old<'_>, shape: Shape, path: &B256, depth: usize) -> Link {
        let link = self.seal(shape, path, depth);
        match (old, link.is_stored()) {
            (Old::Sealed(_), false) => self.retire(old, path, depth),
            _ => self.forget(old),
        }
        link
    }

    /// Encode, hash and write a node. The root is stored however short.
    fn seal(&mut self, shape: Shape, path: &B256, depth: usize) -> Link {
        let rlp = encode(&shape, depth, &mut self.scratch);
        let embedded = rlp.len() < 32 && depth > 0;
        let hash = if embedded { B256::ZERO } else { keccak256(rlp) };
        if self.retention == Retention::Writes && !embedded {
            self.out
                .puts
                .push((node_key(self.prefix, path, depth), rlp.to_vec()));
        }
        if self.retention == Retention::Root && !embedded {
            return Link::stored(hash);
        }
        let node = Node {
            shape,
            born: self.born,
        };
        self.out.growth += footprint(&node) as isize;
        Link::resident(hash, Arc::new(node))
    }

    /// The node that was at this position is no longer there.
    fn retire(&mut self, old: Old<'_>, path: &B256, depth: usize) {
        if let Old::Sealed(link) = old
            && link.is_stored()
            && self.retention == Retention::Writes
        {
            self.out.deletes.push(node_key(self.prefix, path, depth));
        }
        self.forget(old);
    }

    fn forget(&mut self, old: Old<'_>) {
        if let Old::Sealed(link) = old
            && let Some(node) = link.node()
        {
            self.out.growth -= footprint(node) as isize;
        }
    }
}

/// The changes by their nibble at `depth`.
pub(super) fn groups<'o, 'a>(
    ops: &'o [Op<'a>],
    depth: usize,
) -> impl Iterator<Item = (usize, &'o [Op<'a>])> {
    let mut rest = ops;
    std::iter::from_fn(move || {
        let at = nibble(&rest.first()?.key, depth);
        let (group, tail) = rest.split_at(rest.partition_point(|op| nibble(&op.key, depth) == at));
        rest = tail;
        Some((at, group))
    })
}
