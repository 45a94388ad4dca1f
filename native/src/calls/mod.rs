//! Requests that execute without changing the chain: calls, estimates, access lists, traces,
//! simulations. Each takes JSON, runs on a `DatabaseRef` of its own, and answers in geth's words.
//! Nothing here writes to the store or knows of blocks being built.

pub mod access_list;
pub mod block_override;
pub mod call;
pub mod estimate;
pub mod fields;
pub mod methods;
pub mod precompiles;
pub mod refusal;
pub mod request;
pub mod scene;
pub mod simulate;
pub mod state_override;
pub mod trace;
pub mod watch;
pub mod words;

#[cfg(test)]
mod tests;
