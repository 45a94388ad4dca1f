//! `TransactionDecoder`: decoding and recovery on a thread of its own.
//!
//! The thread waits for jobs in the crate, not in the interpreter: handing over work and taking the
//! result back needs no second thread to get hold of the interpreter's lock. A byte on a descriptor
//! tells an event loop that a result is there.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use alloy_primitives::Address;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyList;

use super::python::{Decoded, decode_all, list_of};
use crate::errors::Error;
use crate::guard::caught;
use crate::state::StateStore;

/// What was asked for comes back with the answer: the bytes are the interpreter's.
type Answer = (Vec<PyBackedBytes>, Result<Decoded, Error>);

/// See `_native.pyi`.
#[pyclass(frozen, module = "metis_node._native")]
pub struct TransactionDecoder {
    jobs: Mutex<Option<Sender<Vec<PyBackedBytes>>>>,
    answers: Mutex<Receiver<Answer>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread works with.
struct Worker {
    jobs: Receiver<Vec<PyBackedBytes>>,
    answers: Sender<Answer>,
    ready: File,
    state: Arc<StateStore>,
    chain_id: u64,
    allow_blobs: bool,
}

impl TransactionDecoder {
    /// `descriptor` is duplicated: the caller keeps its own.
    pub fn new(
        state: Arc<StateStore>,
        chain_id: u64,
        allow_blobs: bool,
        descriptor: i32,
    ) -> PyResult<Self> {
        // SAFETY: the caller's descriptor stays open during this call, which only duplicates it.
        let ready = unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned()?;
        let (job_sender, jobs) = channel();
        let (answers, answer_receiver) = channel();
        let worker = Worker {
            jobs,
            answers,
            ready: File::from(ready),
            state,
            chain_id,
            allow_blobs,
        };
        let thread = thread::Builder::new()
            .name("decode".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            jobs: Mutex::new(Some(job_sender)),
            answers: Mutex::new(answer_receiver),
            thread: Mutex::new(Some(thread)),
        })
    }
}

#[pymethods]
impl TransactionDecoder {
    fn submit(&self, raws: Vec<PyBackedBytes>) -> PyResult<()> {
        let sent = match &*self.jobs.lock().expect("jobs of the decoder") {
            Some(jobs) => jobs.send(raws).is_ok(),
            None => false,
        };
        match sent {
            true => Ok(()),
            false => Err(PyRuntimeError::new_err("the decoder is closed")),
        }
    }

    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let received = self
            .answers
            .lock()
            .expect("answers of the decoder")
            .try_recv();
        match received {
            Ok((_raws, decoded)) => list_of(py, decoded?).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn close(&self, py: Python<'_>) {
        let jobs = self.jobs.lock().expect("jobs of the decoder").take();
        let thread = self.thread.lock().expect("thread of the decoder").take();
        drop(jobs);
        if let Some(thread) = thread {
            // It may need the interpreter to read an account.
            let _ended = py.detach(|| thread.join());
        }
    }
}

impl Worker {
    fn run(mut self) {
        while let Ok(raws) = self.jobs.recv() {
            let decoded = caught("decoding of transactions", || {
                let decoded = decode_all(&raws, self.chain_id, self.allow_blobs);
                self.warm(&decoded);
                Ok(decoded)
            });
            if self.answers.send((raws, decoded)).is_err() || self.ready.write_all(&[1]).is_err() {
                return;
            }
        }
    }

    /// Bring the senders' accounts into the cache, so that whoever asks next does not wait for the
    /// store. What cannot be read now is reported to them.
    fn warm(&self, decoded: &Decoded) {
        let senders: HashSet<Address> = decoded.iter().flatten().map(|tx| tx.sender).collect();
        let senders: Vec<Address> = senders.into_iter().collect();
        if let Ok(view) = self.state.view(self.state.head()) {
            let _cached = view.accounts(&senders);
        }
    }
}
