//! Keeps the resident part of a trie within a bound: old and deep nodes become links again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node::{Link, Node, Shape};

/// What the allocator adds to a block, and the counts of an `Arc`.
const ALLOCATION: usize = 16;

/// Bytes that a resident node takes, without its children.
pub fn footprint(node: &Node) -> usize {
    let own = 2 * ALLOCATION + size_of::<Node>();
    own + match &node.shape {
        Shape::Leaf { value, .. } => ALLOCATION + value.len(),
        Shape::Extension { .. } => ALLOCATION + size_of::<Link>(),
        Shape::Branch { links, .. } => ALLOCATION + size_of_val::<[Link]>(links),
    }
}

/// The trie at `root` with at most about `target` bytes resident, and how many those are. The
/// youngest nodes stay, of the same age those nearest to the root.
pub fn sweep(root: &Link, target: usize) -> (Link, usize) {
    let mut ages = Ages::new();
    measure(root, 0, &mut ages);
    let total = ages.values().sum();
    if total <= target {
        return (root.clone(), total);
    }
    let mut kept = 0;
    let mut limit = (u64::MAX, 0);
    for (&(age, depth), bytes) in &ages {
        if kept + bytes > target {
            limit = (age, depth);
            break;
        }
        kept += bytes;
    }
    (pruned(root, 0, limit), kept)
}

/// Bytes by (age, depth), the youngest first.
type Ages = BTreeMap<(u64, usize), usize>;

fn measure(link: &Link, depth: usize, ages: &mut Ages) {
    let Some(node) = link.node() else { return };
    *ages.entry((u64::MAX - node.born, depth)).or_default() += footprint(node);
    match &node.shape {
        Shape::Leaf { .. } => {}
        Shape::Extension { child, .. } => measure(child, depth + 1, ages),
        Shape::Branch { links, .. } => links.iter().for_each(|link| measure(link, depth + 1, ages)),
    }
}

fn pruned(link: &Link, depth: usize, limit: (u64, usize)) -> Link {
    let Some(node) = link.node() else {
        return link.clone();
    };
    if link.is_stored() && (u64::MAX - node.born, depth) >= limit {
        return Link::stored(link.hash());
    }
    let shape = match &node.shape {
        Shape::Leaf { .. } => return link.clone(),
        Shape::Extension { path, end, child } => {
            let child = Box::new(pruned(child, depth + 1, limit));
            Shape::Extension {
                path: *path,
                end: *end,
                child,
            }
        }
        Shape::Branch { mask, links } => {
            let links = links
                .iter()
                .map(|link| pruned(link, depth + 1, limit))
                .collect();
            Shape::Branch { mask: *mask, links }
        }
    };
    Link::resident(
        link.hash(),
        Arc::new(Node {
            shape,
            born: node.born,
        }),
    )
}
