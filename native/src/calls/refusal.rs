//! Why a call ends without a result: a refused request, a bound that was reached, an unreadable store.

use revm::context::result::{EVMError, InvalidTransaction};

use crate::errors::Error;

/// JSON-RPC code of a malformed parameter.
pub const MALFORMED: i32 = -32602;
/// JSON-RPC code of a request that is well-formed and cannot be served.
pub const REFUSED: i32 = -32000;
/// JSON-RPC code of a reverted execution.
pub const REVERTED: i32 = 3;

/// What the client gets instead of a result: an error object of JSON-RPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: i32,
    pub message: String,
    /// The `data` member, 0x-prefixed.
    pub data: Option<String>,
}

impl Refusal {
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(MALFORMED, message)
    }

    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(REFUSED, message)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::InvalidRequest {
            code: refusal.code,
            message: refusal.message,
            data: refusal.data,
        }
    }
}

/// Why a call has no result.
#[derive(Debug)]
pub enum CallError {
    Refused(Refusal),
    /// The rules reject the transaction before it executes. `words` are geth's.
    Rejected {
        invalid: InvalidTransaction,
        words: String,
    },
    /// The step limit was reached; the caller may repeat the call with a higher one.
    OutOfSteps,
    /// The state could not be read, or the crate broke a promise.
    Failed(Error),
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => refusal.into(),
            CallError::Rejected { words, .. } => Self::refused(words),
            CallError::OutOfSteps => Self::refused("step limit reached"),
            CallError::Failed(error) => error,
        }
    }
}

impl CallError {
    /// Sorts an error of the EVM; `words` says why a transaction is rejected.
    pub fn from_evm<E: Into<Error>>(
        error: EVMError<E>,
        words: impl FnOnce(&InvalidTransaction) -> String,
    ) -> Self {
        match error {
            EVMError::Transaction(invalid) => Self::Rejected {
                words: words(&invalid),
                invalid,
            },
            EVMError::Database(error) => Self::Failed(error.into()),
            EVMError::Header(header) => Self::Refused(Refusal::refused(header.to_string())),
            EVMError::Custom(text) => Self::Refused(Refusal::refused(text)),
            EVMError::CustomAny(error) => Self::Refused(Refusal::refused(error.to_string())),
        }
    }

    /// Puts the words of a rejected transaction into a sentence.
    pub fn reworded(self, sentence: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Rejected { invalid, words } => Self::Rejected {
                words: sentence(&words),
                invalid,
            },
            other => other,
        }
    }
}
