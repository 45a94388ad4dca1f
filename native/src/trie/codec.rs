//! RLP of nodes: hex-prefix paths, child references, and back.

use std::sync::Arc;

use alloy_primitives::B256;

use super::key::{KEY_NIBBLES, nibble, truncate, with_nibble};
use super::node::{Link, Node, Shape, children};

const EMPTY_STRING: u8 = 0x80;
const HASH_STRING: u8 = 0xa0;
const LEAF_FLAG: u8 = 0x20;
const ODD_FLAG: u8 = 0x10;
/// Room in front of a payload for the longest list header.
const HEADER_ROOM: usize = 9;

/// The RLP of `shape` at `depth`, in `scratch`.
pub(super) fn encode<'s>(shape: &Shape, depth: usize, scratch: &'s mut Vec<u8>) -> &'s [u8] {
    scratch.clear();
    scratch.resize(HEADER_ROOM, 0);
    match shape {
        Shape::Leaf { key, value } => {
            push_path(scratch, key, depth, KEY_NIBBLES, LEAF_FLAG);
            push_string(scratch, value);
        }
        Shape::Extension { path, end, child } => {
            push_path(scratch, path, depth, usize::from(*end), 0);
            push_link(scratch, child, usize::from(*end));
        }
        Shape::Branch { mask, links } => push_children(scratch, *mask, links, depth),
    }
    let start = put_header(scratch);
    &scratch[start..]
}

fn push_children(out: &mut Vec<u8>, mask: u16, links: &[Link], depth: usize) {
    let mut next = 0;
    for (at, link) in children(mask, links) {
        out.resize(out.len() + at - next, EMPTY_STRING);
        push_link(out, link, depth + 1);
        next = at + 1;
    }
    // The empty children at the end, and the value that no key of full length can have.
    out.resize(out.len() + 17 - next, EMPTY_STRING);
}

fn push_link(out: &mut Vec<u8>, link: &Link, depth: usize) {
    match link.node() {
        Some(node) if !link.is_stored() => {
            out.extend_from_slice(encode(&node.shape, depth, &mut Vec::with_capacity(64)));
        }
        _ => {
            out.push(HASH_STRING);
            out.extend_from_slice(link.hash().as_slice());
        }
    }
}

fn push_path(out: &mut Vec<u8>, path: &B256, from: usize, to: usize, flag: u8) {
    let odd = !(to - from).is_multiple_of(2);
    let length = 1 + (to - from) / 2;
    if length > 1 {
        out.push(EMPTY_STRING + length as u8);
    }
    out.push(match odd {
        true => flag | ODD_FLAG | nibble(path, from) as u8,
        false => flag,
    });
    let from = from + usize::from(odd);
    if from.is_multiple_of(2) {
        out.extend_from_slice(&path[from / 2..to / 2]);
    } else {
        out.extend(
            (from..to)
                .step_by(2)
                .map(|at| (nibble(path, at) << 4 | nibble(path, at + 1)) as u8),
        );
    }
}

fn push_string(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes {
        [single] if *single < EMPTY_STRING => {}
        short if short.len() < 56 => out.push(EMPTY_STRING + short.len() as u8),
        long => push_long_length(out, 0xb7, long.len()),
    }
    out.extend_from_slice(bytes);
}

fn push_long_length(out: &mut Vec<u8>, base: u8, length: usize) {
    let digits = length.to_be_bytes();
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    out.push(base + (digits.len() - zeros) as u8);
    out.extend_from_slice(&digits[zeros..]);
}

/// Write the list header right before the payload; returns where it starts.
fn put_header(scratch: &mut [u8]) -> usize {
    let length = scratch.len() - HEADER_ROOM;
    if length < 56 {
        scratch[HEADER_ROOM - 1] = 0xc0 + length as u8;
        return HEADER_ROOM - 1;
    }
    let digits = length.to_be_bytes();
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let start = HEADER_ROOM - 1 - (digits.len() - zeros);
    scratch[start] = 0xf7 + (digits.len() - zeros) as u8;
    scratch[start + 1..HEADER_ROOM].copy_from_slice(&digits[zeros..]);
    start
}

/// The node at the position `path`, `depth`; None if the bytes are not one.
pub(super) fn decode(rlp: &[u8], path: &B256, depth: usize, born: u64) -> Option<Node> {
    let (payload, rest) = split_list(rlp)?;
    if !rest.is_empty() {
        return None;
    }
    let mut items = [Item::Bytes(&[]); 17];
    let mut count = 0;
    let mut rest = payload;
    while !rest.is_empty() {
        let (item, tail) = split_item(rest)?;
        *items.get_mut(count)? = item;
        count += 1;
        rest = tail;
    }
    let shape = match count {
        2 => short_shape(&items, path, depth, born)?,
        17 => branch_shape(&items, path, depth, born)?,
        _ => return None,
    };
    Some(Node { shape, born })
}

fn short_shape(items: &[Item<'_>; 17], path: &B256, depth: usize, born: u64) -> Option<Shape> {
    let Item::Bytes(encoded) = items[0] else {
        return None;
    };
    let (whole, end, is_leaf) = join_path(encoded, path, depth)?;
    if !is_leaf {
        let child = Box::new(link(items[1], &whole, end, born)??);
        return (end > depth).then_some(Shape::Extension {
            path: whole,
            end: end as u8,
            child,
        });
    }
    let Item::Bytes(value) = items[1] else {
        return None;
    };
    (end == KEY_NIBBLES).then(|| Shape::Leaf {
        key: whole,
        value: value.into(),
    })
}

fn branch_shape(items: &[Item<'_>; 17], path: &B256, depth: usize, born: u64) -> Option<Shape> {
    let mut links = Vec::with_capacity(16);
    let mut mask = 0;
    for (at, item) in items[..16].iter().enumerate() {
        if depth >= KEY_NIBBLES {
            return None;
        }
        if let Some(link) = link(*item, &with_nibble(path, depth, at), depth + 1, born)? {
            mask |= 1 << at;
            links.push(link);
        }
    }
    (links.len() > 1).then(|| Shape::Branch {
        mask,
        links: links.into_boxed_slice(),
    })
}

/// A child reference. Outer None: malformed; inner None: no child.
fn link(item: Item<'_>, path: &B256, depth: usize, born: u64) -> Option<Option<Link>> {
    match item {
        Item::Bytes([]) => Some(None),
        Item::Bytes(hash) if hash.len() == 32 => Some(Some(Link::stored(B256::from_slice(hash)))),
        Item::Bytes(_) => None,
        Item::List(rlp) if rlp.len() < 32 => Some(Some(Link::embedded(Arc::new(decode(
            rlp, path, depth, born,
        )?)))),
        Item::List(_) => None,
    }
}

/// The hex-prefix path behind the first `depth` nibbles of `path`: the whole, its end, is it a leaf.
fn join_path(encoded: &[u8], path: &B256, depth: usize) -> Option<(B256, usize, bool)> {
    let (first, bytes) = encoded.split_first()?;
    let odd = first & ODD_FLAG != 0;
    let end = depth + bytes.len() * 2 + usize::from(odd);
    if end > KEY_NIBBLES || first & 0xc0 != 0 || (!odd && first & 15 != 0) {
        return None;
    }
    let mut whole = truncate(path, depth);
    let own = odd.then_some(first & 15).into_iter();
    for (at, digit) in
        (depth..).zip(own.chain(bytes.iter().flat_map(|byte| [byte >> 4, byte & 15])))
    {
        whole[at / 2] |= if at.is_multiple_of(2) {
            digit << 4
        } else {
            digit
        };
    }
    Some((whole, end, first & LEAF_FLAG != 0))
}

#[derive(Clone, Copy)]
enum Item<'a> {
    /// The content of a string.
    Bytes(&'a [u8]),
    /// The whole RLP of a list.
    List(&'a [u8]),
}

fn split_item(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let first = *bytes.first()?;
    if first >= 0xc0 {
        let (_, rest) = split_list(bytes)?;
        return Some((Item::List(&bytes[..bytes.len() - rest.len()]), rest));
    }
    let (content, rest) = match first {
        ..EMPTY_STRING => bytes.split_at_checked(1)?,
        _ => split_payload(bytes, EMPTY_STRING)?,
    };
    Some((Item::Bytes(content), rest))
}

fn split_list(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    (*bytes.first()? >= 0xc0).then(|| split_payload(bytes, 0xc0))?
}

fn split_payload(bytes: &[u8], base: u8) -> Option<(&[u8], &[u8])> {
    let length = usize::from(bytes[0] - base);
    if length < 56 {
        return bytes[1..].split_at_checked(length);
    }
    let (digits, rest) = bytes[1..].split_at_checked(length - 55)?;
    let length = digits.iter().try_fold(0usize, |sum, digit| {
        sum.checked_mul(256)?.checked_add(usize::from(*digit))
    })?;
    rest.split_at_checked(length)
}
