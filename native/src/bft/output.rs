//! What the driver wants done, as tuples for Python.

use alloy_primitives::B256;
use arc_malachitebft_core_types::{NilOrVal, Round, VoteType};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::context::BlockHash;
use crate::convert::bytes;

/// Numbers of `TimeoutKind` for Python.
pub const PROPOSE: u8 = 0;
pub const PREVOTE: u8 = 1;
pub const PRECOMMIT: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    NewRound(u32),
    Propose(u32, B256, i64),
    Vote(u8, u32, Option<B256>),
    /// The round we are in, the round of the precommits, the block.
    Decide(u32, u32, B256),
    Timeout(u8, u32),
    GetValue(u32),
}

impl<'py> IntoPyObject<'py> for Output {
    type Target = PyTuple;
    type Output = Bound<'py, PyTuple>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match self {
            Self::NewRound(round) => ("new_round", round).into_pyobject(py),
            Self::Propose(round, value, pol_round) => {
                ("propose", round, bytes(py, value.as_slice()), pol_round).into_pyobject(py)
            }
            Self::Vote(kind, round, value) => {
                let value = value.map(|v| bytes(py, v.as_slice()));
                ("vote", kind, round, value).into_pyobject(py)
            }
            Self::Decide(current, commit, value) => {
                ("decide", current, commit, bytes(py, value.as_slice())).into_pyobject(py)
            }
            Self::Timeout(kind, round) => ("timeout", kind, round).into_pyobject(py),
            Self::GetValue(round) => ("get_value", round).into_pyobject(py),
        }
    }
}

/// 1 prevote, 2 precommit, as in the signed vote.
pub fn vote_number(kind: VoteType) -> u8 {
    match kind {
        VoteType::Prevote => 1,
        VoteType::Precommit => 2,
    }
}

pub fn hash_of(value: &NilOrVal<BlockHash>) -> Option<B256> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(hash) => Some(hash.0),
    }
}

pub fn value_of(hash: Option<B256>) -> NilOrVal<BlockHash> {
    hash.map_or(NilOrVal::Nil, |hash| NilOrVal::Val(BlockHash(hash)))
}

/// A round that the driver names in an output is always defined.
pub fn number(round: Round) -> u32 {
    round.as_u32().expect("an output names its round")
}
