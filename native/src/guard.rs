//! The way from Python into computation: GIL released, panics turned into errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::marker::Ungil;
use pyo3::prelude::*;

use crate::errors::Error;

/// Runs `work` without the GIL. A panic becomes a RuntimeError naming `operation`.
///
/// Whatever `work` changes must be whole even if it panics half way: prepare, then swap.
pub fn detached<T: Send>(
    py: Python<'_>,
    operation: &str,
    work: impl FnOnce() -> Result<T, Error> + Ungil + Send,
) -> PyResult<T> {
    py.detach(|| caught(operation, work)).map_err(PyErr::from)
}

/// The same for work that stays attached.
pub fn caught<T>(operation: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(Error::Internal(format!(
            "the native {operation} failed inside: {}",
            text(&*panic)
        )))
    })
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown panic")
}
