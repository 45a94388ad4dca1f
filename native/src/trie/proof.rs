//! Merkle proofs: the stored nodes on the way to a key.

use alloy_primitives::{B256, Bytes};

use super::codec::encode;
use super::key::{common, nibble};
use super::node::{Link, Shape, children};
use super::resolve::{Job, Touch, resolve};
use crate::kv::Kv;
use crate::state::StateError;

/// The proof of each key, of its value or of its absence. Empty for the empty trie.
pub fn prove(
    kv: &dyn Kv,
    prefix: &[u8],
    root: Option<&Link>,
    keys: &[B256],
) -> Result<Vec<Vec<Bytes>>, StateError> {
    let Some(root) = root else {
        return Ok(vec![Vec::new(); keys.len()]);
    };
    let mut touches: Vec<_> = keys
        .iter()
        .map(|key| Touch {
            key: *key,
            removes: false,
        })
        .collect();
    touches.sort_unstable_by_key(|touch| touch.key);
    resolve(
        kv,
        &[Job {
            prefix,
            root,
            touches: &touches,
        }],
        0,
    )?;
    Ok(keys.iter().map(|key| path_to(root, key)).collect())
}

fn path_to(root: &Link, key: &B256) -> Vec<Bytes> {
    let mut proof = Vec::new();
    let mut scratch = Vec::new();
    let (mut next, mut depth) = (Some(root), 0);
    while let Some(link) = next {
        let Some(node) = link.node() else { break };
        if link.is_stored() {
            proof.push(Bytes::copy_from_slice(encode(
                &node.shape,
                depth,
                &mut scratch,
            )));
        }
        (next, depth) = match &node.shape {
            Shape::Leaf { .. } => (None, depth),
            Shape::Extension { path, end, child } => {
                let end = usize::from(*end);
                ((common(path, key) >= end).then_some(child.as_ref()), end)
            }
            Shape::Branch { mask, links } => {
                let at = nibble(key, depth);
                (
                    children(*mask, links)
                        .find(|(n, _)| *n == at)
                        .map(|(_, link)| link),
                    depth + 1,
                )
            }
        };
    }
    proof
}
