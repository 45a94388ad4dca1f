//! The driver with its caller's duties enforced: every input is checked before the driver sees it.
//!
//! Each guard names what the driver would do without it. The published cut of Malachite (vcs
//! 334c0a68) lacks some of its repository's later repairs; those guards name the repair.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloy_primitives::B256;
use arc_malachitebft_core_types::{
    CommitCertificate, CommitSignature, NilOrVal, PolkaCertificate, PolkaSignature, Round, Timeout,
    TimeoutKind, Validity, VoteType,
};

use super::context::{Address, BlockHash, Height, Proposal, Signature};
use super::context::{SignedProposal, SignedVote, Vote};
use super::driver::{Input, Lifted, Sound};
use super::output::{Output, PRECOMMIT, PREVOTE, PROPOSE, hash_of, number, vote_number};
use super::refusal::{Kind, Refusal};
use super::validators::Validators;

/// Rounds beyond the current one for which single messages are kept. A vote makes the driver
/// allocate its round, whichever it names; what is further ahead comes in a round certificate.
pub const ROUND_WINDOW: u32 = 100;
/// Different proposals kept per round: two are evidence, more are memory. One more comes in where
/// a quorum has voted for its block.
pub const PROPOSALS_PER_ROUND: usize = 2;

pub type Outputs = Result<Vec<Output>, Refusal>;
pub type Signatures = Vec<(Address, Signature)>;

pub struct Hosted {
    pub(super) driver: Sound,
    pub(super) set: Validators,
    pub(super) height: u64,
    me: Address,
    /// The round that `new_round` must open before anything else comes in.
    owed: Option<u32>,
    /// The round for which the driver asked for a value that it has not got.
    asked: Option<u32>,
    /// By round: named by `new_round`, or by the first proposal.
    proposers: BTreeMap<u32, Address>,
    timers: BTreeSet<(u32, u8)>,
    valid: BTreeSet<B256>,
    /// Who already is in evidence: round, kind of vote, validator.
    doubled: BTreeSet<(u32, VoteType, Address)>,
    /// Votes of a certificate that wait for their round to be opened.
    deferred: VecDeque<SignedVote>,
    pub(super) decided: Option<(u32, B256)>,
}

impl Hosted {
    pub fn new(height: u64, set: Validators, me: Address) -> Self {
        Self {
            driver: Sound::new(height, set.clone(), me),
            set,
            height,
            me,
            owed: Some(0),
            asked: None,
            proposers: BTreeMap::new(),
            timers: BTreeSet::new(),
            valid: BTreeSet::new(),
            doubled: BTreeSet::new(),
            deferred: VecDeque::new(),
            decided: None,
        }
    }

    /// -1 before the first round.
    pub fn round(&self) -> Result<i64, Refusal> {
        Ok(self.driver.get()?.round().as_i64())
    }

    pub fn owed(&self) -> Option<u32> {
        self.owed
    }

    /// Unasked, the driver would move its round without its step. A proposer that it does not know
    /// costs it the whole round state, lock included (repair e19d266a).
    pub fn new_round(&mut self, round: u32, proposer: Address) -> Outputs {
        self.driver.get()?;
        match self.owed {
            Some(owed) if owed == round => {}
            Some(owed) => return Err(order(format!("round {owed} is due, not {round}"))),
            None => return Err(order(format!("nothing asked for round {round}"))),
        }
        self.member(&proposer)?;
        self.same_proposer(round, proposer)?;
        self.owed = None;
        self.asked = None;
        self.proposers.insert(round, proposer);
        let height = Height(self.height);
        let mut outputs = self.feed(Input::NewRound(height, Round::new(round), proposer))?;
        self.drain(&mut outputs)?;
        Ok(outputs)
    }

    /// The driver would propose again and again: its step changes only with our own proposal.
    pub fn propose(&mut self, round: u32, value: B256) -> Outputs {
        self.ready()?;
        let current = self.round()?;
        if i64::from(round) < current || self.decided.is_some() {
            return Ok(Vec::new()); // an answer that came too late
        }
        if i64::from(round) > current {
            return Err(order(format!("round {round} has not begun")));
        }
        if self.proposers.get(&round) != Some(&self.me) {
            return Err(Refusal::new(
                Kind::Proposer,
                format!("round {round} is not our turn"),
            ));
        }
        if self.asked != Some(round) {
            return Err(Refusal::new(
                Kind::Twice,
                format!("round {round} has our proposal already"),
            ));
        }
        self.asked = None;
        self.feed(Input::ProposeValue(Round::new(round), BlockHash(value)))
    }

    /// Two proposers in a round are a panic inside the driver. The same proposal with another
    /// signature would be evidence against its sender.
    pub fn proposal(&mut self, proposal: Proposal, signature: Signature, valid: bool) -> Outputs {
        self.ready()?;
        let round = number(proposal.round);
        if proposal.pol_round >= proposal.round {
            return Err(Refusal::new(
                Kind::Argument,
                format!("a proposal of round {round} rests on an earlier one"),
            ));
        }
        self.member(&proposal.proposer)?;
        self.same_proposer(round, proposal.proposer)?;
        self.within_window(round)?;
        self.still_valid(proposal.value.0, valid)?;
        let Some(signature) = self.first_signature(&proposal, signature)? else {
            return Ok(Vec::new());
        };
        self.proposers.insert(round, proposal.proposer);
        if valid {
            self.valid.insert(proposal.value.0);
        }
        self.feed(Input::Proposal(
            SignedProposal::new(proposal, signature),
            Validity::from_bool(valid),
        ))
    }

    pub fn vote(&mut self, vote: Vote, signature: Signature) -> Outputs {
        self.ready()?;
        self.member(&vote.validator)?;
        self.within_window(number(vote.round))?;
        self.tally(SignedVote::new(vote, signature))
    }

    pub fn timeout(&mut self, kind: TimeoutKind, round: u32) -> Outputs {
        self.ready()?;
        self.feed(Input::TimeoutElapsed(Timeout::new(Round::new(round), kind)))
    }

    pub fn polka_certificate(&mut self, round: u32, value: B256, signed: Signatures) -> Outputs {
        self.ready()?;
        self.quorum_of(&signed)?;
        let signatures = signed.into_iter();
        self.feed(Input::PolkaCertificate(PolkaCertificate {
            height: Height(self.height),
            round: Round::new(round),
            value_id: BlockHash(value),
            polka_signatures: signatures.map(|(a, s)| PolkaSignature::new(a, s)).collect(),
        }))
    }

    /// One of a later round, whose proposal is not here, moves the driver nowhere (repairs
    /// fabbbc13, e8196772): its precommits then come in as votes, which open that round.
    pub fn commit_certificate(&mut self, round: u32, value: B256, signed: Signatures) -> Outputs {
        self.ready()?;
        self.quorum_of(&signed)?;
        let (at, hash) = (Round::new(round), BlockHash(value));
        if self.driver.get()?.commit_certificate(at, &hash).is_some() {
            return Ok(Vec::new()); // the driver would keep every copy
        }
        let signatures = signed.iter().copied();
        let mut outputs = self.feed(Input::CommitCertificate(CommitCertificate {
            height: Height(self.height),
            round: at,
            value_id: hash,
            commit_signatures: signatures
                .map(|(a, s)| CommitSignature::new(a, s))
                .collect(),
        }))?;
        if self.decided.is_none() && i64::from(round) > self.round()? {
            let votes = signed.into_iter().map(|(validator, signature)| {
                let vote = self.ballot(VoteType::Precommit, round, Some(value), validator);
                SignedVote::new(vote, signature)
            });
            self.deferred = votes.collect();
            self.drain(&mut outputs)?;
        }
        Ok(outputs)
    }

    /// The votes of a verified round certificate, of whatever round: together they open it.
    pub fn round_votes(&mut self, round: u32, votes: Vec<SignedVote>) -> Outputs {
        self.ready()?;
        let mut signers = BTreeMap::new();
        let mut kinds = BTreeSet::new();
        for vote in &votes {
            self.member(&vote.validator)?;
            if !kinds.insert((vote.kind, vote.validator)) {
                return Err(twice_signed(&vote.validator));
            }
            signers.insert(vote.validator, self.set.power(&vote.validator));
        }
        if !self.set.is_honest(signers.values().sum()) {
            return Err(too_weak(format!("1/3 stands behind round {round}")));
        }
        self.deferred = votes.into();
        let mut outputs = Vec::new();
        self.drain(&mut outputs)?;
        Ok(outputs)
    }

    /// A block that came with the certificate which decides it: no proposer signed this copy.
    pub fn sync_decision(&mut self, round: u32, value: B256, proposer: Address) -> Outputs {
        self.ready()?;
        self.member(&proposer)?;
        let (round, value) = (Round::new(round), BlockHash(value));
        if self
            .driver
            .get()?
            .commit_certificate(round, &value)
            .is_none()
        {
            return Err(Refusal::new(
                Kind::Certificate,
                format!("round {round} has no commit certificate for {value}"),
            ));
        }
        self.feed(Input::SyncDecision(Proposal {
            height: Height(self.height),
            round,
            value,
            pol_round: Round::Nil,
            proposer,
        }))
    }

    pub fn ballot(
        &self,
        kind: VoteType,
        round: u32,
        value: Option<B256>,
        validator: Address,
    ) -> Vote {
        Vote {
            kind,
            height: Height(self.height),
            round: Round::new(round),
            value: super::output::value_of(value),
            validator,
        }
    }

    /// Before its first round the driver counts votes for thresholds that it reports once only.
    fn ready(&self) -> Result<(), Refusal> {
        self.driver.get()?;
        match self.owed {
            None => Ok(()),
            Some(round) => Err(order(format!("new_round({round}) must come first"))),
        }
    }

    fn member(&self, address: &Address) -> Result<(), Refusal> {
        if self.set.contains(address) {
            return Ok(());
        }
        Err(Refusal::new(
            Kind::UnknownValidator,
            format!("{address} is no validator of height {}", self.height),
        ))
    }

    fn same_proposer(&self, round: u32, proposer: Address) -> Result<(), Refusal> {
        match self.proposers.get(&round) {
            Some(known) if *known != proposer => Err(Refusal::new(
                Kind::Proposer,
                format!("round {round} belongs to {known}, not to {proposer}"),
            )),
            _ => Ok(()),
        }
    }

    fn within_window(&self, round: u32) -> Result<(), Refusal> {
        let current = self.round()?;
        if i64::from(round) <= current + i64::from(ROUND_WINDOW) {
            return Ok(());
        }
        Err(Refusal::new(
            Kind::Window,
            format!("round {round} is more than {ROUND_WINDOW} ahead of round {current}"),
        ))
    }

    /// The driver acts on the verdict that comes in, not on the one it keeps.
    fn still_valid(&self, value: B256, valid: bool) -> Result<(), Refusal> {
        if valid || !self.valid.contains(&value) {
            return Ok(());
        }
        Err(Refusal::new(
            Kind::Validity,
            format!("block {value} was valid before: validity never depends on round or clock"),
        ))
    }

    /// The signature under which the driver has this message, `given` if it is new, None if there
    /// is no room for it.
    fn first_signature(
        &self,
        proposal: &Proposal,
        given: Signature,
    ) -> Result<Option<Signature>, Refusal> {
        let driver = self.driver.get()?;
        let known = driver.proposals_and_validities_for_round(proposal.round);
        if let Some((same, _)) = known.iter().find(|(p, _)| p.message == *proposal) {
            return Ok(Some(same.signature));
        }
        let room = known.len() < PROPOSALS_PER_ROUND
            || self.has_quorum(proposal.round, &proposal.value, known.len())?;
        Ok(room.then_some(given))
    }

    fn has_quorum(&self, round: Round, value: &BlockHash, kept: usize) -> Result<bool, Refusal> {
        let driver = self.driver.get()?;
        let voted = |kind| {
            let threshold = arc_malachitebft_core_votekeeper::Threshold::Value(*value);
            driver.votes().is_threshold_met(&round, kind, threshold)
        };
        let certified = driver.commit_certificate(round, value).is_some()
            || driver.polka_certificate(round, value).is_some();
        Ok(kept < 2 * PROPOSALS_PER_ROUND
            && (certified || voted(VoteType::Prevote) || voted(VoteType::Precommit)))
    }

    /// Beyond the first conflicting vote of somebody, the driver would keep every pair.
    fn tally(&mut self, vote: SignedVote) -> Outputs {
        let votes = self.driver.get()?.votes();
        let first = votes
            .per_round(vote.round)
            .and_then(|round| round.get_vote(vote.kind, &vote.validator));
        let conflicts = first.is_some_and(|first| first.value != vote.value);
        let place = (number(vote.round), vote.kind, vote.validator);
        if conflicts && !self.doubled.insert(place) {
            return Ok(Vec::new());
        }
        self.feed(Input::Vote(vote))
    }

    /// Feeds what a certificate brought, until a new round has to be opened.
    fn drain(&mut self, outputs: &mut Vec<Output>) -> Result<(), Refusal> {
        while self.owed.is_none() {
            let Some(vote) = self.deferred.pop_front() else {
                break;
            };
            outputs.extend(self.tally(vote)?);
        }
        Ok(())
    }

    fn quorum_of(&self, signed: &Signatures) -> Result<(), Refusal> {
        let mut seen = BTreeSet::new();
        let mut power = 0;
        for (address, _) in signed {
            self.member(address)?;
            if !seen.insert(address) {
                return Err(twice_signed(address));
            }
            power += self.set.power(address);
        }
        if self.set.is_quorum(power) {
            return Ok(());
        }
        Err(too_weak("2/3 of the power signed".to_owned()))
    }

    fn feed(&mut self, input: Input) -> Outputs {
        let lifted = self.driver.process(input)?;
        Ok(lifted.into_iter().filter_map(|o| self.lift(o)).collect())
    }

    fn lift(&mut self, output: Lifted) -> Option<Output> {
        match output {
            Lifted::NewRound(_, round) => {
                self.owed = Some(number(round));
                Some(Output::NewRound(number(round)))
            }
            Lifted::Propose(proposal) => Some(Output::Propose(
                number(proposal.round),
                proposal.value.0,
                proposal.pol_round.as_i64(),
            )),
            Lifted::Vote(vote) => self.own_vote(&vote),
            Lifted::Decide(round, proposal) => {
                let commit = number(proposal.round);
                self.decided = Some((commit, proposal.value.0));
                Some(Output::Decide(number(round), commit, proposal.value.0))
            }
            Lifted::ScheduleTimeout(timeout) => self.new_timer(timeout),
            Lifted::GetValue(_, round, _) => {
                self.asked = Some(number(round));
                Some(Output::GetValue(number(round)))
            }
        }
    }

    /// The driver votes for whoever it is told to be, validator or not.
    fn own_vote(&self, vote: &Vote) -> Option<Output> {
        let (kind, round) = (vote_number(vote.kind), number(vote.round));
        self.set
            .contains(&self.me)
            .then(|| Output::Vote(kind, round, hash_of(&vote.value)))
    }

    /// The driver schedules some timers again and again (repair 39a3ad0b): one that runs must not
    /// start anew.
    fn new_timer(&mut self, timeout: Timeout) -> Option<Output> {
        let round = number(timeout.round);
        let kind = match timeout.kind {
            TimeoutKind::Propose => PROPOSE,
            TimeoutKind::Prevote => PREVOTE,
            TimeoutKind::Precommit => PRECOMMIT,
            TimeoutKind::Rebroadcast | TimeoutKind::FinalizeHeight(_) => return None,
        };
        self.timers
            .insert((round, kind))
            .then_some(Output::Timeout(kind, round))
    }
}

pub fn is_for(vote: &SignedVote, kind: VoteType, value: &BlockHash) -> bool {
    vote.kind == kind && vote.value == NilOrVal::Val(*value)
}

fn order(message: String) -> Refusal {
    Refusal::new(Kind::Order, message)
}

fn twice_signed(address: &Address) -> Refusal {
    Refusal::new(
        Kind::Certificate,
        format!("{address} signed the certificate twice"),
    )
}

fn too_weak(what: String) -> Refusal {
    Refusal::new(Kind::Certificate, format!("no more than {what}"))
}
