//! Point reads from the committed store: the port, its Python adapter, and one in memory for tests.
//!
//! Nothing here knows what a key means. No Rust lock may be held by whoever calls `get_many`: the
//! Python adapter attaches to the interpreter, and another thread may hold the GIL while it waits
//! for that lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::state::StateError;

/// What a store holds under a key.
pub type Value = Option<Vec<u8>>;

/// Reads of one store. Every call may see a later state of it than the call before.
pub trait Kv: Send + Sync {
    /// The values of `keys`, in their order.
    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Value>, StateError>;

    fn get(&self, key: &[u8]) -> Result<Value, StateError> {
        let mut values = self.get_many(&[key.to_vec()])?;
        Ok(values.pop().flatten())
    }
}

/// A Python callable `get_many(list[bytes]) -> list[bytes | None]`.
pub struct PyKv(Py<PyAny>);

impl PyKv {
    pub fn new(get_many: Py<PyAny>) -> Self {
        Self(get_many)
    }
}

impl Kv for PyKv {
    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Value>, StateError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        Python::attach(|py| {
            let list = PyList::new(py, keys.iter().map(|key| PyBytes::new(py, key)))?;
            let answer = self.0.bind(py).call1((list,))?;
            let mut values = Vec::with_capacity(keys.len());
            for item in answer.try_iter()? {
                let item = item?;
                values.push(match item.is_none() {
                    true => None,
                    false => Some(
                        item.cast::<PyBytes>()
                            .map_err(PyErr::from)?
                            .as_bytes()
                            .to_vec(),
                    ),
                });
            }
            match values.len() == keys.len() {
                true => Ok(values),
                false => Err(StateError::Corrupt(format!(
                    "the store answered {} values for {} keys",
                    values.len(),
                    keys.len()
                ))),
            }
        })
    }
}

/// A store in memory.
#[derive(Default, Clone)]
pub struct MemKv(Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>);

impl MemKv {
    /// Apply a write set; `None` deletes.
    pub fn write(&self, changes: &[(Vec<u8>, Value)]) {
        let mut map = self.0.lock().expect("store lock");
        for (key, value) in changes {
            match value {
                Some(value) => map.insert(key.clone(), value.clone()),
                None => map.remove(key),
            };
        }
    }

    /// All pairs, in key order.
    pub fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let map = self.0.lock().expect("store lock");
        map.iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

impl Kv for MemKv {
    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Value>, StateError> {
        let map = self.0.lock().expect("store lock");
        Ok(keys.iter().map(|key| map.get(key).cloned()).collect())
    }
}
