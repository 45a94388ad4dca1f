//! Nibbles of 32-byte keys, and the store keys of nodes.
//!
//! A position in the trie is written as any key below it and a depth in nibbles.

use alloy_primitives::B256;

/// Nibbles in a key.
pub(super) const KEY_NIBBLES: usize = 64;

pub(super) fn nibble(key: &B256, index: usize) -> usize {
    let byte = key[index / 2];
    usize::from(if index.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 15
    })
}

/// `key` with the nibble at `index` replaced and all behind it cleared.
pub(super) fn with_nibble(key: &B256, index: usize, value: usize) -> B256 {
    let mut out = truncate(key, index);
    out[index / 2] |= if index.is_multiple_of(2) {
        (value as u8) << 4
    } else {
        value as u8
    };
    out
}

/// `key` with all nibbles from `depth` on cleared.
pub(super) fn truncate(key: &B256, depth: usize) -> B256 {
    let mut out = B256::ZERO;
    let whole = depth / 2;
    out[..whole].copy_from_slice(&key[..whole]);
    if !depth.is_multiple_of(2) {
        out[whole] = key[whole] & 0xf0;
    }
    out
}

/// How many nibbles two keys have in common at their start.
pub(super) fn common(a: &B256, b: &B256) -> usize {
    match a.iter().zip(b.iter()).position(|(x, y)| x != y) {
        None => KEY_NIBBLES,
        Some(at) => at * 2 + usize::from((a[at] ^ b[at]) < 16),
    }
}

/// Store key of the node at a position: the table's prefix, then a byte per nibble.
pub(super) fn node_key(prefix: &[u8], path: &B256, depth: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(prefix.len() + depth);
    out.extend_from_slice(prefix);
    for byte in &path[..depth / 2] {
        out.extend_from_slice(&[byte >> 4, byte & 15]);
    }
    if !depth.is_multiple_of(2) {
        out.push(path[depth / 2] >> 4);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_keys_apart_by_nibbles() {
        let key = B256::repeat_byte(0xab);
        assert_eq!(
            (nibble(&key, 0), nibble(&key, 1), nibble(&key, 63)),
            (0xa, 0xb, 0xb)
        );
        let mut other = key;
        other[3] = 0xac;
        assert_eq!(common(&key, &other), 7);
        other[3] = 0xbb;
        assert_eq!(common(&key, &other), 6);
        assert_eq!(common(&key, &key), 64);
        assert_eq!(node_key(b"A", &key, 3), [b'A', 0xa, 0xb, 0xa]);
        let changed = with_nibble(&key, 3, 0xf);
        assert_eq!(changed[..3], [0xab, 0xaf, 0]);
        assert_eq!(truncate(&key, 1)[..2], [0xa0, 0]);
    }
}
