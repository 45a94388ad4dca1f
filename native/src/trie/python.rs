//! The trie by itself, from Python: for fixtures and checks that know no accounts.

use alloy_primitives::B256;
use alloy_trie::EMPTY_ROOT_HASH;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::{Op, Retention, update};
use crate::convert::bytes;
use crate::errors::Error;
use crate::guard::detached;

/// See `_native.pyi`.
#[pyfunction]
pub fn trie_root<'py>(
    py: Python<'py>,
    changes: Vec<(PyBackedBytes, Option<PyBackedBytes>)>,
) -> PyResult<Bound<'py, PyBytes>> {
    let root = detached(py, "trie_root", || root_after(&changes))?;
    Ok(bytes(py, root.as_slice()))
}

fn root_after(changes: &[(PyBackedBytes, Option<PyBackedBytes>)]) -> Result<B256, Error> {
    let mut root = None;
    for (key, value) in changes {
        let op = Op {
            key: B256::try_from(&**key).map_err(|_| refused("a key must have 32 bytes"))?,
            value: value.as_deref(),
        };
        if op.value.is_some_and(<[u8]>::is_empty) {
            return Err(refused("a value must not be empty; None removes a key"));
        }
        (root, _) = update(b"", root.as_ref(), &[op], 0, Retention::Nodes)?;
    }
    Ok(root.map_or(EMPTY_ROOT_HASH, |link| link.hash()))
}

fn refused(message: &str) -> Error {
    Error::InvalidRequest {
        code: -32602,
        message: message.into(),
        data: None,
    }
}
