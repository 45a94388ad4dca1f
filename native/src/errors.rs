//! Errors of the crate, and the one place where they become the Python classes of `metis_node.errors`.

use std::fmt;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::state::StateError;

/// What can go wrong, by who must act. Names are those of `metis_node.errors`.
#[derive(Debug)]
pub enum Error {
    InvalidTransaction {
        code: &'static str,
        message: String,
    },
    InvalidBlock(String),
    /// `code` is the JSON-RPC error code, `data` its 0x-prefixed `data` member.
    InvalidRequest {
        code: i32,
        message: String,
        data: Option<String>,
    },
    InvalidConfig(String),
    /// Reading or preparing state failed.
    State(StateError),
    Fatal(String),
    /// An input that the driver of the agreement was kept from, or a driver that failed.
    Bft {
        kind: &'static str,
        message: String,
    },
    /// A panic or a broken promise inside this crate.
    Internal(String),
    /// Raised by a Python callback; goes back unchanged.
    Python(PyErr),
}

impl Error {
    /// A malformed parameter (-32602).
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::InvalidRequest {
            code: -32602,
            message: message.into(),
            data: None,
        }
    }

    /// A request that cannot be served (-32000).
    pub fn refused(message: impl Into<String>) -> Self {
        Self::InvalidRequest {
            code: -32000,
            message: message.into(),
            data: None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidTransaction { message, .. }
            | Self::InvalidRequest { message, .. }
            | Self::Bft { message, .. } => f.write_str(message),
            Self::InvalidBlock(m) | Self::InvalidConfig(m) | Self::Fatal(m) | Self::Internal(m) => {
                f.write_str(m)
            }
            Self::State(e) => e.fmt(f),
            Self::Python(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<PyErr> for Error {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        Python::attach(|py| to_python(py, error).unwrap_or_else(|failure| failure))
    }
}

fn to_python(py: Python<'_>, error: Error) -> PyResult<PyErr> {
    match error {
        Error::Python(error) => Ok(error),
        Error::State(error) => Ok(error.into()),
        Error::Internal(message) => Ok(PyRuntimeError::new_err(message)),
        Error::InvalidTransaction { code, message } => {
            let facts = PyDict::new(py);
            facts.set_item("code", code)?;
            instance(py, "InvalidTransaction", &message, Some(&facts))
        }
        Error::InvalidRequest {
            code,
            message,
            data,
        } => {
            let facts = PyDict::new(py);
            facts.set_item("code", code)?;
            facts.set_item("data", data)?;
            instance(py, "InvalidRequest", &message, Some(&facts))
        }
        Error::Bft { kind, message } => {
            let facts = PyDict::new(py);
            facts.set_item("kind", kind)?;
            instance(py, "BftError", &message, Some(&facts))
        }
        Error::InvalidBlock(m) => instance(py, "InvalidBlock", &m, None),
        Error::InvalidConfig(m) => instance(py, "InvalidConfig", &m, None),
        Error::Fatal(m) => instance(py, "Fatal", &m, None),
    }
}

fn instance(
    py: Python<'_>,
    class: &str,
    message: &str,
    facts: Option<&Bound<'_, PyDict>>,
) -> PyResult<PyErr> {
    let class = py.import("metis_node.errors")?.getattr(class)?;
    Ok(PyErr::from_value(class.call((message,), facts)?))
}
