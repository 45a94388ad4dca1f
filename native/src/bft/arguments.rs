//! Arguments from Python, checked as they come in: a number out of range is a `BftError`.

use alloy_primitives::B256;
use arc_malachitebft_core_types::{Round, TimeoutKind, VoteType};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use super::context::{Address, Signature};
use super::output::{PRECOMMIT, PREVOTE, PROPOSE};
use super::refusal::{Kind, Refusal};
use crate::errors::Error;

/// Rounds stay below: the driver adds one without a check, and L1 reads an int32.
const ROUND_LIMIT: i64 = 1 << 31;

pub struct RoundArg(pub u32);
pub struct PolRoundArg(pub Round);
pub struct HeightArg(pub u64);
pub struct PowerArg(pub u64);
pub struct HashArg(pub B256);
pub struct AddressArg(pub Address);
pub struct SignatureArg(pub Signature);
pub struct VoteKindArg(pub VoteType);
pub struct TimerKindArg(pub TimeoutKind);

impl<'py> FromPyObject<'_, 'py> for RoundArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match integer(obj, "a round")? {
            round @ 0..ROUND_LIMIT => Ok(Self(round as u32)),
            other => Err(refused(format!(
                "a round is within 0 and 2**31 - 1, got {other}"
            ))),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for PolRoundArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match integer(obj, "a proof-of-lock round")? {
            -1 => Ok(Self(Round::Nil)),
            round @ 0..ROUND_LIMIT => Ok(Self(Round::new(round as u32))),
            other => Err(refused(format!(
                "a proof-of-lock round is within -1 and 2**31 - 1, got {other}"
            ))),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for HeightArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match integer(obj, "a height")? {
            height @ 1.. => Ok(Self(height as u64)),
            other => Err(refused(format!("a height is at least 1, got {other}"))),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for PowerArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match integer(obj, "a power")? {
            power @ 0.. => Ok(Self(power as u64)),
            other => Err(refused(format!("a power is not negative, got {other}"))),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for HashArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let bytes: &[u8] = obj.extract()?;
        B256::try_from(bytes)
            .map(Self)
            .map_err(|_| refused(format!("a hash has 32 bytes, got {}", bytes.len())))
    }
}

impl<'py> FromPyObject<'_, 'py> for AddressArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let bytes: &[u8] = obj.extract()?;
        alloy_primitives::Address::try_from(bytes)
            .map(|address| Self(Address(address)))
            .map_err(|_| refused(format!("an address has 20 bytes, got {}", bytes.len())))
    }
}

impl<'py> FromPyObject<'_, 'py> for SignatureArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let bytes: &[u8] = obj.extract()?;
        Signature::try_from(bytes)
            .map(Self)
            .map_err(|_| refused(format!("a signature has 65 bytes, got {}", bytes.len())))
    }
}

impl<'py> FromPyObject<'_, 'py> for VoteKindArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match integer(obj, "a kind of vote")? {
            1 => Ok(Self(VoteType::Prevote)),
            2 => Ok(Self(VoteType::Precommit)),
            other => Err(refused(format!(
                "a vote is a prevote (1) or a precommit (2), got {other}"
            ))),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for TimerKindArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let kind = integer(obj, "a kind of timer")?;
        match u8::try_from(kind) {
            Ok(PROPOSE) => Ok(Self(TimeoutKind::Propose)),
            Ok(PREVOTE) => Ok(Self(TimeoutKind::Prevote)),
            Ok(PRECOMMIT) => Ok(Self(TimeoutKind::Precommit)),
            _ => Err(refused(format!(
                "a timer is of propose (0), prevote (1) or precommit (2), got {kind}"
            ))),
        }
    }
}

fn integer(obj: Borrowed<'_, '_, PyAny>, what: &str) -> PyResult<i64> {
    obj.extract::<i64>().map_err(|error| {
        if error.is_instance_of::<PyOverflowError>(obj.py()) {
            refused(format!("{what} of more than 63 bits"))
        } else {
            error
        }
    })
}

fn refused(message: String) -> PyErr {
    Error::from(Refusal::new(Kind::Argument, message)).into()
}
