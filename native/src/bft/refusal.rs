//! Why an input was refused: `metis_node.errors.BftError` with a `kind`.

use crate::errors::Error;

/// Stable names, by what the caller must do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number or length out of range.
    Argument,
    /// A validator set that cannot decide anything, or whose power overflows.
    Validators,
    /// A message of somebody outside the set: drop it.
    UnknownValidator,
    /// An input that is not due: `new_round` owed, or not owed.
    Order,
    /// A proposal, or a turn, of another than the round's proposer.
    Proposer,
    /// A second value of ours in one round.
    Twice,
    /// A block that was valid is said to be invalid.
    Validity,
    /// A round too far ahead for single messages.
    Window,
    /// A certificate with repeated signers or too little power.
    Certificate,
    /// The driver itself failed: this object is of no more use.
    Poisoned,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Validators => "validators",
            Self::UnknownValidator => "unknown_validator",
            Self::Order => "order",
            Self::Proposer => "proposer",
            Self::Twice => "twice",
            Self::Validity => "validity",
            Self::Window => "window",
            Self::Certificate => "certificate",
            Self::Poisoned => "poisoned",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: Kind,
    pub message: String,
}

impl Refusal {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Bft {
            kind: refusal.kind.name(),
            message: refusal.message,
        }
    }
}
