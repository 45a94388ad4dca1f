//! Ethereum execution over revm: chain rules, blocks, the system transaction.

pub mod block;
pub mod build;
pub mod execute;
pub mod genesis;
pub mod handler;
pub mod refusal;
pub mod rules;
pub mod seal;
#[cfg(test)]
mod tests;
pub mod verify;
