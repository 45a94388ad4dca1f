//! Nodes and the links between them.

use std::sync::{Arc, OnceLock};

use alloy_primitives::B256;

/// A committed node. It does not know its depth: keys and paths are kept whole, so that a node that
/// moves up when a branch collapses stays the same.
#[derive(Debug)]
pub struct Node {
    pub(super) shape: Shape,
    /// The block that made it; a node is never younger than its parent.
    pub(super) born: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Leaf {
        key: B256,
        value: Box<[u8]>,
    },
    /// Leads from its own depth to the branch at depth `end`; `path` is zero from there on.
    Extension {
        path: B256,
        end: u8,
        child: Box<Link>,
    },
    /// `links` holds the children whose bit is set in `mask`, in nibble order.
    Branch {
        mask: u16,
        links: Box<[Link]>,
    },
}

/// A reference to a node, which may be in memory or only in the store.
#[derive(Clone, Debug)]
pub struct Link {
    /// Keccak of the node's RLP; zero for a node that is embedded in its parent.
    hash: B256,
    node: OnceLock<Arc<Node>>,
}

impl Link {
    /// To a node in the store.
    pub fn stored(hash: B256) -> Self {
        Self {
            hash,
            node: OnceLock::new(),
        }
    }

    pub(super) fn resident(hash: B256, node: Arc<Node>) -> Self {
        Self {
            hash,
            node: OnceLock::from(node),
        }
    }

    pub(super) fn embedded(node: Arc<Node>) -> Self {
        Self::resident(B256::ZERO, node)
    }

    pub fn hash(&self) -> B256 {
        self.hash
    }

    pub(super) fn is_stored(&self) -> bool {
        !self.hash.is_zero()
    }

    pub(super) fn node(&self) -> Option<&Arc<Node>> {
        self.node.get()
    }

    /// Attach the node read from the store. Whoever is second gets the first one's.
    pub(super) fn attach(&self, node: Arc<Node>) -> &Arc<Node> {
        self.node.get_or_init(|| node)
    }
}

/// Children of a branch with their nibbles.
pub(super) fn children(mask: u16, links: &[Link]) -> impl Iterator<Item = (usize, &Link)> {
    (0..16)
        .filter(move |nibble| mask & 1 << nibble != 0)
        .zip(links)
}
