//! What the driver holds, in the order of the validators: votes, certificates, evidence, locks.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use arc_malachitebft_core_state_machine::state::{RoundValue, Step};
use arc_malachitebft_core_types::{DoubleProposal, DoubleVote, Round, RoundCertificateType};
use arc_malachitebft_core_types::{NilOrVal, VoteType};

use super::context::{Address, BlockHash, Signature, SignedVote};
use super::hosted::{Hosted, Signatures, is_for};
use super::output::number;
use super::refusal::Refusal;

/// What justifies entering a round: the round entered, that of the votes, their threshold.
pub struct EnterRound {
    pub enter: u32,
    pub round: u32,
    pub kind: &'static str,
    pub votes: Vec<(VoteType, NilOrVal<BlockHash>, Address, Signature)>,
}

pub struct Evidence {
    pub votes: Vec<DoubleVote<super::context::Chain>>,
    pub proposals: Vec<DoubleProposal<super::context::Chain>>,
}

impl Hosted {
    pub fn step(&self) -> Result<&'static str, Refusal> {
        Ok(match self.driver.get()?.step() {
            Step::Unstarted => "unstarted",
            Step::Propose => "propose",
            Step::Prevote => "prevote",
            Step::Precommit => "precommit",
            Step::Commit => "commit",
        })
    }

    pub fn proposer(&self) -> Result<Option<Address>, Refusal> {
        Ok(self.driver.get()?.proposer_address().copied())
    }

    pub fn locked(&self) -> Result<Option<(u32, B256)>, Refusal> {
        Ok(place(self.driver.get()?.round_state().locked.as_ref()))
    }

    pub fn valid(&self) -> Result<Option<(u32, B256)>, Refusal> {
        Ok(place(self.driver.get()?.valid_value()))
    }

    /// Everybody's votes for a block, those of fed certificates included.
    pub fn votes_for(
        &self,
        kind: VoteType,
        round: u32,
        value: B256,
    ) -> Result<Signatures, Refusal> {
        let driver = self.driver.get()?;
        let (round, value) = (Round::new(round), BlockHash(value));
        let mut signed: BTreeMap<Address, Signature> = match kind {
            VoteType::Prevote => driver.polka_certificate(round, &value).map(|c| {
                let signatures = c.polka_signatures.iter();
                signatures.map(|s| (s.address, s.signature)).collect()
            }),
            VoteType::Precommit => driver.commit_certificate(round, &value).map(|c| {
                let signatures = c.commit_signatures.iter();
                signatures.map(|s| (s.address, s.signature)).collect()
            }),
        }
        .unwrap_or_default();
        if let Some(votes) = driver.votes().per_round(round) {
            let votes = votes.received_votes().iter();
            signed.extend(
                votes
                    .filter(|v| is_for(v, kind, &value))
                    .map(|v| (v.validator, v.signature)),
            );
        }
        Ok(self.in_order(signed.into_iter().collect()))
    }

    /// The prevotes for a block, if they are more than 2/3 of the power.
    pub fn polka(&self, round: u32, value: B256) -> Result<Option<Signatures>, Refusal> {
        let signed = self.votes_for(VoteType::Prevote, round, value)?;
        let power = signed.iter().map(|(address, _)| self.set.power(address));
        Ok(self.set.is_quorum(power.sum()).then_some(signed))
    }

    pub fn has_vote(
        &self,
        kind: VoteType,
        round: u32,
        value: Option<B256>,
        validator: Address,
    ) -> Result<bool, Refusal> {
        let wanted = self.ballot(kind, round, value, validator);
        let votes = self.driver.get()?.votes().per_round(wanted.round);
        let kept = votes.and_then(|votes| votes.get_vote(kind, &validator));
        Ok(kept.is_some_and(|kept| kept.message == wanted))
    }

    pub fn round_certificate(&self) -> Result<Option<EnterRound>, Refusal> {
        let Some(entered) = self.driver.get()?.round_certificate() else {
            return Ok(None);
        };
        let certificate = &entered.certificate;
        let signatures = certificate.round_signatures.iter();
        let mut votes: Vec<_> = signatures
            .map(|s| (s.vote_type, s.value_id, s.address, s.signature))
            .collect();
        votes.sort_by_key(|vote| (self.set.place(&vote.2), vote.0));
        Ok(Some(EnterRound {
            enter: number(entered.enter_round),
            round: number(certificate.round),
            kind: match certificate.cert_type {
                RoundCertificateType::Skip => "skip",
                RoundCertificateType::Precommit => "precommit",
            },
            votes,
        }))
    }

    pub fn take_evidence(&mut self) -> Result<Evidence, Refusal> {
        let (votes, proposals) = self
            .driver
            .call(|driver| Ok((driver.take_vote_evidence(), driver.take_proposal_evidence())))?;
        let pairs = |address| votes.get(address).cloned().unwrap_or_default();
        let doubles = |address| proposals.get(address).cloned().unwrap_or_default();
        Ok(Evidence {
            votes: votes.iter().flat_map(pairs).collect(),
            proposals: proposals.iter().flat_map(doubles).collect(),
        })
    }

    /// All votes, by round, kind and validator.
    pub fn all_votes(&self) -> Result<Vec<SignedVote>, Refusal> {
        let rounds = self.driver.get()?.votes().all_rounds().values();
        let mut votes: Vec<SignedVote> = rounds.flat_map(|r| r.received_votes().clone()).collect();
        votes.sort_by_key(|v| (v.round, v.kind, self.set.place(&v.validator)));
        Ok(votes)
    }

    /// All proposals with their verdicts, by round and arrival.
    pub fn all_proposals(&self) -> Result<Vec<(super::context::Proposal, bool)>, Refusal> {
        let rounds = self.driver.get()?.proposals().all_rounds().values();
        let kept = rounds.flat_map(|round| round.get_proposals_and_validities());
        Ok(kept
            .map(|(proposal, verdict)| (proposal.message.clone(), verdict.is_valid()))
            .collect())
    }

    fn in_order(&self, mut signed: Signatures) -> Signatures {
        signed.sort_by_key(|(address, _)| self.set.place(address));
        signed
    }
}

fn place(kept: Option<&RoundValue<BlockHash>>) -> Option<(u32, B256)> {
    kept.map(|kept| (number(kept.round), kept.value.0))
}
