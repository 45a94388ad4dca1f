//! One call into Malachite's driver: panics and its own errors become a poisoned object.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arc_malachitebft_core_driver as core;

use super::context::{Address, Chain, Height};
use super::refusal::{Kind, Refusal};
use super::validators::Validators;

pub type Inner = core::Driver<Chain>;
pub type Input = core::Input<Chain>;
pub type Lifted = core::Output<Chain>;

/// After any failure inside, the round's state may be gone, and the lock with it: nothing may be
/// asked of it again.
pub struct Sound {
    inner: Inner,
    failed: Option<String>,
}

impl Sound {
    pub fn new(height: u64, set: Validators, me: Address) -> Self {
        let parameters = core::ThresholdParams::default();
        Self {
            inner: Inner::new(Chain, Height(height), set, me, parameters),
            failed: None,
        }
    }

    pub fn failed(&self) -> bool {
        self.failed.is_some()
    }

    pub fn get(&self) -> Result<&Inner, Refusal> {
        match &self.failed {
            None => Ok(&self.inner),
            Some(reason) => Err(poisoned(reason)),
        }
    }

    pub fn process(&mut self, input: Input) -> Result<Vec<Lifted>, Refusal> {
        self.call(|inner| inner.process(input).map_err(|error| error.to_string()))
    }

    pub fn call<T>(
        &mut self,
        work: impl FnOnce(&mut Inner) -> Result<T, String>,
    ) -> Result<T, Refusal> {
        self.get()?;
        let inner = &mut self.inner;
        let answer = catch_unwind(AssertUnwindSafe(|| work(inner)));
        let reason = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(reason)) => reason,
            Err(panic) => text(&*panic).to_owned(),
        };
        let refusal = poisoned(&reason);
        self.failed = Some(reason);
        Err(refusal)
    }
}

fn poisoned(reason: &str) -> Refusal {
    Refusal::new(
        Kind::Poisoned,
        format!(
            "the driver of this height failed inside ({reason}): sign nothing more, restart and \
             replay the journal"
        ),
    )
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown panic")
}
