//! `_native.BftDriver`. Calls take microseconds and keep the interpreter's lock.

use arc_malachitebft_core_types::VoteType;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use super::arguments::{AddressArg, HashArg, HeightArg, PolRoundArg, PowerArg, RoundArg};
use super::arguments::{SignatureArg, TimerKindArg, VoteKindArg};
use super::context::{Height, Proposal, SignedProposal, SignedVote};
use super::hosted::{Hosted, Signatures};
use super::output::{Output, hash_of, number, vote_number};
use super::refusal::Refusal;
use super::validators::{Member, Validators};
use crate::convert::bytes;
use crate::errors::Error;

type Place<'py> = (u32, Bound<'py, PyBytes>);
type Signed<'py> = Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>;
type CertifiedVote<'py> = (
    u8,
    Option<Bound<'py, PyBytes>>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
);

/// The round entered, that of the votes, "skip" or "precommit", the votes.
type Entered<'py> = (u32, u32, &'static str, Vec<CertifiedVote<'py>>);

#[pyclass(module = "metis_node._native")]
pub struct BftDriver(Hosted);

impl From<Refusal> for PyErr {
    fn from(refusal: Refusal) -> Self {
        Error::from(refusal).into()
    }
}

#[pymethods]
impl BftDriver {
    #[new]
    fn new(
        height: HeightArg,
        validators: Vec<(AddressArg, PowerArg)>,
        me: AddressArg,
    ) -> PyResult<Self> {
        let members = validators.into_iter().map(|(address, power)| Member {
            address: address.0,
            power: power.0,
        });
        let set = Validators::new(members.collect())?;
        Ok(Self(Hosted::new(height.0, set, me.0)))
    }

    fn new_round(&mut self, round: RoundArg, proposer: AddressArg) -> PyResult<Vec<Output>> {
        Ok(self.0.new_round(round.0, proposer.0)?)
    }

    fn propose(&mut self, round: RoundArg, value: HashArg) -> PyResult<Vec<Output>> {
        Ok(self.0.propose(round.0, value.0)?)
    }

    fn proposal(
        &mut self,
        round: RoundArg,
        value: HashArg,
        pol_round: PolRoundArg,
        proposer: AddressArg,
        signature: SignatureArg,
        valid: bool,
    ) -> PyResult<Vec<Output>> {
        let proposal = Proposal {
            height: Height(self.0.height),
            round: arc_malachitebft_core_types::Round::new(round.0),
            value: super::context::BlockHash(value.0),
            pol_round: pol_round.0,
            proposer: proposer.0,
        };
        Ok(self.0.proposal(proposal, signature.0, valid)?)
    }

    fn vote(
        &mut self,
        kind: VoteKindArg,
        round: RoundArg,
        value: Option<HashArg>,
        validator: AddressArg,
        signature: SignatureArg,
    ) -> PyResult<Vec<Output>> {
        let value = value.map(|v| v.0);
        let vote = self.0.ballot(kind.0, round.0, value, validator.0);
        Ok(self.0.vote(vote, signature.0)?)
    }

    fn timeout(&mut self, kind: TimerKindArg, round: RoundArg) -> PyResult<Vec<Output>> {
        Ok(self.0.timeout(kind.0, round.0)?)
    }

    fn polka_certificate(
        &mut self,
        round: RoundArg,
        value: HashArg,
        signatures: Vec<(AddressArg, SignatureArg)>,
    ) -> PyResult<Vec<Output>> {
        let signatures = plain(signatures);
        Ok(self.0.polka_certificate(round.0, value.0, signatures)?)
    }

    fn commit_certificate(
        &mut self,
        round: RoundArg,
        value: HashArg,
        signatures: Vec<(AddressArg, SignatureArg)>,
    ) -> PyResult<Vec<Output>> {
        let signatures = plain(signatures);
        Ok(self.0.commit_certificate(round.0, value.0, signatures)?)
    }

    fn round_votes(
        &mut self,
        round: RoundArg,
        votes: Vec<(VoteKindArg, Option<HashArg>, AddressArg, SignatureArg)>,
    ) -> PyResult<Vec<Output>> {
        let votes = votes
            .into_iter()
            .map(|(kind, value, validator, signature)| {
                let value = value.map(|v| v.0);
                let vote = self.0.ballot(kind.0, round.0, value, validator.0);
                SignedVote::new(vote, signature.0)
            });
        let votes = votes.collect();
        Ok(self.0.round_votes(round.0, votes)?)
    }

    fn sync_decision(
        &mut self,
        round: RoundArg,
        value: HashArg,
        proposer: AddressArg,
    ) -> PyResult<Vec<Output>> {
        Ok(self.0.sync_decision(round.0, value.0, proposer.0)?)
    }
}

#[pymethods]
impl BftDriver {
    #[getter]
    fn height(&self) -> u64 {
        self.0.height
    }

    #[getter]
    fn round(&self) -> PyResult<i64> {
        Ok(self.0.round()?)
    }

    #[getter]
    fn step(&self) -> PyResult<&'static str> {
        Ok(self.0.step()?)
    }

    #[getter]
    fn proposer<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let proposer = self.0.proposer()?;
        Ok(proposer.map(|address| bytes(py, address.0.as_slice())))
    }

    #[getter]
    fn locked<'py>(&self, py: Python<'py>) -> PyResult<Option<Place<'py>>> {
        Ok(place(py, self.0.locked()?))
    }

    #[getter]
    fn valid<'py>(&self, py: Python<'py>) -> PyResult<Option<Place<'py>>> {
        Ok(place(py, self.0.valid()?))
    }

    #[getter]
    fn decided<'py>(&self, py: Python<'py>) -> Option<Place<'py>> {
        place(py, self.0.decided)
    }

    #[getter]
    fn owed(&self) -> Option<u32> {
        self.0.owed()
    }

    #[getter]
    fn poisoned(&self) -> bool {
        self.0.driver.failed()
    }

    fn precommits<'py>(
        &self,
        py: Python<'py>,
        round: RoundArg,
        value: HashArg,
    ) -> PyResult<Signed<'py>> {
        let signed = self.0.votes_for(VoteType::Precommit, round.0, value.0)?;
        Ok(signatures(py, signed))
    }

    fn prevotes<'py>(
        &self,
        py: Python<'py>,
        round: RoundArg,
        value: HashArg,
    ) -> PyResult<Signed<'py>> {
        let signed = self.0.votes_for(VoteType::Prevote, round.0, value.0)?;
        Ok(signatures(py, signed))
    }

    fn polka<'py>(
        &self,
        py: Python<'py>,
        round: RoundArg,
        value: HashArg,
    ) -> PyResult<Option<Signed<'py>>> {
        let signed = self.0.polka(round.0, value.0)?;
        Ok(signed.map(|signed| signatures(py, signed)))
    }

    fn round_certificate<'py>(&self, py: Python<'py>) -> PyResult<Option<Entered<'py>>> {
        let Some(entered) = self.0.round_certificate()? else {
            return Ok(None);
        };
        let votes = entered
            .votes
            .iter()
            .map(|(kind, value, address, signature)| {
                (
                    vote_number(*kind),
                    hash_of(value).map(|v| bytes(py, v.as_slice())),
                    bytes(py, address.0.as_slice()),
                    bytes(py, signature.as_slice()),
                )
            });
        Ok(Some((
            entered.enter,
            entered.round,
            entered.kind,
            votes.collect(),
        )))
    }

    fn take_evidence<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let evidence = self.0.take_evidence()?;
        let list = PyList::empty(py);
        for (first, second) in &evidence.votes {
            list.append(("vote", vote_tuple(py, first)?, vote_tuple(py, second)?))?;
        }
        for (first, second) in &evidence.proposals {
            let pair = (proposal_tuple(py, first)?, proposal_tuple(py, second)?);
            list.append(("proposal", pair.0, pair.1))?;
        }
        Ok(list)
    }

    fn has_vote(
        &self,
        kind: VoteKindArg,
        round: RoundArg,
        value: Option<HashArg>,
        validator: AddressArg,
    ) -> PyResult<bool> {
        let value = value.map(|v| v.0);
        Ok(self.0.has_vote(kind.0, round.0, value, validator.0)?)
    }

    fn dump<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dump = PyDict::new(py);
        dump.set_item("height", self.height())?;
        dump.set_item("round", self.round()?)?;
        dump.set_item("step", self.step()?)?;
        dump.set_item("proposer", self.proposer(py)?)?;
        dump.set_item("locked", self.locked(py)?)?;
        dump.set_item("valid", self.valid(py)?)?;
        dump.set_item("decided", self.decided(py))?;
        dump.set_item("owed", self.owed())?;
        let votes = self.0.all_votes()?;
        let votes = votes.iter().map(|vote| vote_tuple(py, vote));
        dump.set_item("votes", votes.collect::<PyResult<Vec<_>>>()?)?;
        let proposals = self.0.all_proposals()?;
        let proposals = proposals.iter().map(|(proposal, valid)| {
            (
                number(proposal.round),
                bytes(py, proposal.value.0.as_slice()),
                proposal.pol_round.as_i64(),
                bytes(py, proposal.proposer.0.as_slice()),
                *valid,
            )
        });
        dump.set_item("proposals", proposals.collect::<Vec<_>>())?;
        Ok(dump)
    }
}

fn plain(signatures: Vec<(AddressArg, SignatureArg)>) -> Signatures {
    signatures.into_iter().map(|(a, s)| (a.0, s.0)).collect()
}

fn place(py: Python<'_>, kept: Option<(u32, alloy_primitives::B256)>) -> Option<Place<'_>> {
    kept.map(|(round, value)| (round, bytes(py, value.as_slice())))
}

fn signatures(py: Python<'_>, signed: Signatures) -> Signed<'_> {
    let signed = signed.iter();
    signed
        .map(|(address, signature)| {
            (
                bytes(py, address.0.as_slice()),
                bytes(py, signature.as_slice()),
            )
        })
        .collect()
}

fn vote_tuple<'py>(py: Python<'py>, vote: &SignedVote) -> PyResult<Bound<'py, PyTuple>> {
    (
        vote_number(vote.kind),
        number(vote.round),
        hash_of(&vote.value).map(|v| bytes(py, v.as_slice())),
        bytes(py, vote.validator.0.as_slice()),
        bytes(py, vote.signature.as_slice()),
    )
        .into_pyobject(py)
}

fn proposal_tuple<'py>(py: Python<'py>, p: &SignedProposal) -> PyResult<Bound<'py, PyTuple>> {
    (
        number(p.round),
        bytes(py, p.value.0.as_slice()),
        p.pol_round.as_i64(),
        bytes(py, p.proposer.0.as_slice()),
        bytes(py, p.signature.as_slice()),
    )
        .into_pyobject(py)
}
