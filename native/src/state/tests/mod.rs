//! State against a model that keeps every block whole.

mod bench;
mod history;
mod life;
mod model;
mod race;
