//! What can go wrong when state is read or prepared, and the Python exception each becomes.

use std::fmt;
use std::sync::Arc;

use pyo3::prelude::*;
use revm::database_interface::DBErrorMarker;

pyo3::import_exception!(metis_node.errors, CorruptStore);
pyo3::import_exception!(metis_node.errors, InvalidRequest);

/// JSON-RPC code of a request that is refused.
const REFUSED: i32 = -32000;

#[derive(Clone, Debug)]
pub enum StateError {
    /// The store's callback raised; the exception is raised again unchanged.
    Python(Arc<PyErr>),
    /// The store contradicts itself.
    Corrupt(String),
    /// A read further back than reverse diffs are kept, or ahead of the head.
    HistoryUnavailable { asked: u64, oldest: u64, head: u64 },
    /// Calls in an order that the life cycle of a block does not allow.
    Misuse(String),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python(error) => write!(f, "the store could not be read: {error}"),
            Self::Corrupt(what) => write!(
                f,
                "the store is corrupt: {what}; run `metis-node db verify`, and restore or sync again"
            ),
            Self::HistoryUnavailable {
                asked,
                oldest,
                head,
            } => write!(
                f,
                "required historical state unavailable: block {asked}, state is kept for blocks {oldest} to {head}"
            ),
            Self::Misuse(what) => write!(f, "state used out of order: {what}"),
        }
    }
}

impl std::error::Error for StateError {}

impl DBErrorMarker for StateError {}

impl From<PyErr> for StateError {
    fn from(error: PyErr) -> Self {
        Self::Python(Arc::new(error))
    }
}

impl From<StateError> for PyErr {
    fn from(error: StateError) -> Self {
        match &error {
            StateError::Python(raised) => Python::attach(|py| raised.clone_ref(py)),
            StateError::Corrupt(_) => CorruptStore::new_err(error.to_string()),
            StateError::HistoryUnavailable { .. } => {
                InvalidRequest::new_err((error.to_string(), REFUSED))
            }
            StateError::Misuse(_) => pyo3::exceptions::PyRuntimeError::new_err(error.to_string()),
        }
    }
}
