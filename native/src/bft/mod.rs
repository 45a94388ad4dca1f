//! Byzantine agreement on one height: Malachite's core driver behind a synchronous Python object.
//!
//! Inputs in, outputs out: no clock, no signature check, no I/O. Verifying what comes from peers,
//! signing, the journal and the timers belong to the machine in Python. What the published driver
//! leaves to its caller's discipline is refused in `hosted.rs`.

mod arguments;
mod context;
mod driver;
mod hosted;
mod output;
mod python;
mod refusal;
mod tally;
#[cfg(test)]
mod tests;
mod validators;

pub use python::BftDriver;
