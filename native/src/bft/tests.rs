//! What no caller in Python can bring about: a failure inside the driver.

use alloy_primitives::{Address as Raw, B256};
use arc_malachitebft_core_types::{Round, VoteType};

use super::context::{Address, BlockHash, Height, Proposal, Signature, SignedProposal};
use super::driver::Input;
use super::hosted::Hosted;
use super::refusal::Kind;
use super::validators::{MAX_TOTAL_POWER, Member, Validators};

fn address(n: u8) -> Address {
    Address(Raw::repeat_byte(n))
}

fn hosted() -> Hosted {
    let members = (1..=4).map(|n| Member {
        address: address(n),
        power: 1,
    });
    Hosted::new(1, Validators::new(members.collect()).unwrap(), address(2))
}

fn proposed_by(n: u8) -> Input {
    let proposal = Proposal {
        height: Height(1),
        round: Round::new(0),
        value: BlockHash(B256::repeat_byte(n)),
        pol_round: Round::Nil,
        proposer: address(n),
    };
    Input::Proposal(
        SignedProposal::new(proposal, Signature::repeat_byte(n)),
        arc_malachitebft_core_types::Validity::Valid,
    )
}

#[test]
fn a_panic_inside_poisons_the_driver() {
    let mut hosted = hosted();
    hosted.new_round(0, address(1)).unwrap();
    hosted.driver.process(proposed_by(1)).unwrap();
    assert!(!hosted.driver.failed());
    let refusal = hosted.driver.process(proposed_by(3)).unwrap_err();
    assert_eq!(refusal.kind, Kind::Poisoned);
    assert!(refusal.message.contains("different validators"));
    assert!(hosted.driver.failed());
    let vote = hosted.ballot(VoteType::Prevote, 0, None, address(1));
    let refusal = hosted.vote(vote, Signature::ZERO).unwrap_err();
    assert_eq!(refusal.kind, Kind::Poisoned);
    assert_eq!(hosted.step().unwrap_err().kind, Kind::Poisoned);
    assert_eq!(hosted.take_evidence().err().unwrap().kind, Kind::Poisoned);
}

/// The reason for the guard of `new_round`: with an unknown proposer the lock would be gone.
#[test]
fn an_error_inside_poisons_the_driver() {
    let mut hosted = hosted();
    hosted.new_round(0, address(1)).unwrap();
    let unknown = Input::NewRound(Height(1), Round::new(1), address(9));
    let refusal = hosted.driver.process(unknown).unwrap_err();
    assert_eq!(refusal.kind, Kind::Poisoned);
    assert!(refusal.message.contains("Proposer not found"));
    assert_eq!(
        hosted.new_round(1, address(1)).unwrap_err().kind,
        Kind::Poisoned
    );
}

#[test]
fn the_largest_total_power_reaches_both_thresholds_without_overflow() {
    let third = MAX_TOTAL_POWER / 3;
    let powers = [third, third, MAX_TOTAL_POWER - 2 * third];
    let members = powers.iter().zip(1u8..).map(|(power, n)| Member {
        address: address(n),
        power: *power,
    });
    let mut hosted = Hosted::new(1, Validators::new(members.collect()).unwrap(), address(1));
    hosted.new_round(0, address(2)).unwrap();
    for n in 1..=3 {
        let vote = hosted.ballot(VoteType::Precommit, 5, None, address(n));
        let outputs = hosted.vote(vote, Signature::ZERO);
        if n == 2 {
            assert!(
                outputs
                    .unwrap()
                    .contains(&super::output::Output::NewRound(5))
            );
            hosted.new_round(5, address(2)).unwrap();
        }
    }
}
