//! Ethereum execution over revm: chain rules, blocks, the system transaction.

pub mod rules;
