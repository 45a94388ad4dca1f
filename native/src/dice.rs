//! A small deterministic generator for tests (splitmix64).

use alloy_primitives::{Address, U256};

pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    /// Small and large values alike.
    pub fn value(&mut self) -> U256 {
        let bits = self.roll(256) as usize;
        U256::from_limbs([(); 4].map(|()| self.roll(u64::MAX))) >> bits
    }

    pub fn address(&mut self, space: u64) -> Address {
        Address::left_padding_from(&self.roll(space).to_be_bytes())
    }
}
