//! Values on their way to Python: bytes, wide integers, JSON-RPC hex strings.

use alloy_primitives::{Address, B256, U256, hex};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString};

pub fn bytes<'py>(py: Python<'py>, value: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, value)
}

/// A Python int of up to 256 bits.
pub fn int<'py>(py: Python<'py>, value: U256) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(small) = u64::try_from(value) {
        return Ok(small.into_pyobject(py)?.into_any());
    }
    let digits = PyBytes::new(py, &value.to_be_bytes::<32>());
    let class = py.get_type::<PyInt>();
    class.call_method1(intern!(py, "from_bytes"), (digits, intern!(py, "big")))
}

/// A Python int between 0 and 2**256 - 1.
pub fn wide(value: &Bound<'_, PyAny>) -> PyResult<U256> {
    if let Ok(small) = value.extract::<u64>() {
        return Ok(U256::from(small));
    }
    let py = value.py();
    let digits = value
        .call_method1(intern!(py, "to_bytes"), (32, intern!(py, "big")))
        .map_err(|_| PyOverflowError::new_err("amount must be within 0 and 2**256 - 1"))?;
    Ok(U256::from_be_slice(digits.cast::<PyBytes>()?.as_bytes()))
}

pub fn address(value: &[u8]) -> PyResult<Address> {
    Address::try_from(value)
        .map_err(|_| PyValueError::new_err(format!("an address has 20 bytes, got {}", value.len())))
}

pub fn hash(value: &[u8]) -> PyResult<B256> {
    B256::try_from(value)
        .map_err(|_| PyValueError::new_err(format!("a hash has 32 bytes, got {}", value.len())))
}

/// 0x-prefixed data of any length.
pub fn hex_data<'py>(py: Python<'py>, value: impl AsRef<[u8]>) -> Bound<'py, PyString> {
    PyString::new(py, &hex::encode_prefixed(value))
}

/// 0x-prefixed quantity without leading zeros.
pub fn hex_quantity<'py>(py: Python<'py>, value: impl Into<u128>) -> Bound<'py, PyString> {
    PyString::new(py, &quantity(value.into()))
}

/// The same for 256 bits.
pub fn hex_wide(py: Python<'_>, value: U256) -> Bound<'_, PyString> {
    PyString::new(py, &format!("{value:#x}"))
}

fn quantity(value: u128) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let length = (128 - value.leading_zeros()).div_ceil(4).max(1) as usize;
    let mut text = String::with_capacity(length + 2);
    text.push_str("0x");
    for place in (0..length).rev() {
        text.push(char::from(DIGITS[(value >> (4 * place)) as usize & 15]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::quantity;

    #[test]
    fn quantities_have_no_leading_zeros() {
        assert_eq!(quantity(0), "0x0");
        assert_eq!(quantity(15), "0xf");
        assert_eq!(quantity(16), "0x10");
        assert_eq!(quantity(u128::MAX), format!("{:#x}", u128::MAX));
    }
}
