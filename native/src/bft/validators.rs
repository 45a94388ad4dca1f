//! The validators of a height: who they are, in which order, with which power.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_malachitebft_core_types as core;

use super::context::{Address, Chain};
use super::refusal::{Kind, Refusal};

/// Most members of a set.
pub const MAX_VALIDATORS: usize = 1024;
/// Most power of a set: the driver multiplies a weight by 3 in 64 bits, and panics beyond.
pub const MAX_TOTAL_POWER: u64 = u64::MAX / 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub address: Address,
    pub power: u64,
}

impl core::Validator<Chain> for Member {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &() {
        &()
    }

    fn voting_power(&self) -> u64 {
        self.power
    }
}

/// Unique members in the order they came; cheap to clone, as the driver does so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    members: Vec<Member>,
    places: BTreeMap<Address, usize>,
    total: u64,
}

impl Validators {
    pub fn new(members: Vec<Member>) -> Result<Self, Refusal> {
        if members.is_empty() || members.len() > MAX_VALIDATORS {
            return Err(refused(format!(
                "a set has 1 to {MAX_VALIDATORS} validators, got {}",
                members.len()
            )));
        }
        let mut places = BTreeMap::new();
        let mut total = 0u64;
        for (place, member) in members.iter().enumerate() {
            if member.power == 0 {
                return Err(refused(format!(
                    "validator {} has no power: leave it out of the set",
                    member.address
                )));
            }
            if places.insert(member.address, place).is_some() {
                return Err(refused(format!(
                    "validator {} is named twice",
                    member.address
                )));
            }
            total = add_power(total, member.power)?;
        }
        Ok(Self(Arc::new(Inner {
            members,
            places,
            total,
        })))
    }

    pub fn place(&self, address: &Address) -> Option<usize> {
        self.0.places.get(address).copied()
    }

    pub fn contains(&self, address: &Address) -> bool {
        self.0.places.contains_key(address)
    }

    pub fn power(&self, address: &Address) -> u64 {
        self.place(address).map_or(0, |p| self.0.members[p].power)
    }

    /// More than 2/3 of all power.
    pub fn is_quorum(&self, power: u64) -> bool {
        3 * u128::from(power) > 2 * u128::from(self.0.total)
    }

    /// More than 1/3 of all power: at least one honest validator.
    pub fn is_honest(&self, power: u64) -> bool {
        3 * u128::from(power) > u128::from(self.0.total)
    }

    pub fn in_turn(&self, round: u32) -> &Member {
        &self.0.members[round as usize % self.0.members.len()]
    }
}

fn add_power(total: u64, power: u64) -> Result<u64, Refusal> {
    total
        .checked_add(power)
        .filter(|sum| *sum <= MAX_TOTAL_POWER)
        .ok_or_else(|| {
            refused(format!(
                "the powers add up to more than {MAX_TOTAL_POWER}: count them in gwei"
            ))
        })
}

fn refused(message: String) -> Refusal {
    Refusal::new(Kind::Validators, message)
}

impl core::ValidatorSet<Chain> for Validators {
    fn count(&self) -> usize {
        self.0.members.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.0.total
    }

    fn get_by_address(&self, address: &Address) -> Option<&Member> {
        self.place(address).map(|place| &self.0.members[place])
    }

    fn get_by_index(&self, index: usize) -> Option<&Member> {
        self.0.members.get(index)
    }
}
