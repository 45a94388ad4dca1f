//! Chain rules as revm wants them: which fork holds when, and the environments a header gives.

use alloy_consensus::Header;
use alloy_eips::eip1559::BaseFeeParams;
use alloy_eips::eip7840::BlobParams;
use revm::context::{BlockEnv, CfgEnv};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::primitives::U256;
use revm::primitives::hardfork::SpecId;
use serde::Deserialize;

use crate::errors::Error;

/// Fork names of the genesis file and of official fixtures, oldest first.
const FORKS: [(&str, SpecId); 15] = [
    ("frontier", SpecId::FRONTIER),
    ("homestead", SpecId::HOMESTEAD),
    ("tangerine", SpecId::TANGERINE),
    ("spurious_dragon", SpecId::SPURIOUS_DRAGON),
    ("byzantium", SpecId::BYZANTIUM),
    ("petersburg", SpecId::PETERSBURG),
    ("constantinoplefix", SpecId::PETERSBURG),
    ("istanbul", SpecId::ISTANBUL),
    ("berlin", SpecId::BERLIN),
    ("london", SpecId::LONDON),
    ("paris", SpecId::MERGE),
    ("shanghai", SpecId::SHANGHAI),
    ("cancun", SpecId::CANCUN),
    ("prague", SpecId::PRAGUE),
    ("osaka", SpecId::OSAKA),
];

#[derive(Deserialize)]
struct ForkEntry {
    timestamp: u64,
    name: String,
}

#[derive(Deserialize)]
struct RulesEntry {
    chain_id: u64,
    forks: Vec<ForkEntry>,
    system_transactions: bool,
    #[serde(default)]
    system_must_succeed: bool,
    blobs: bool,
    max_block_bytes: u64,
    base_fee_max_change_denominator: u64,
    elasticity_multiplier: u64,
}

/// Rules of one chain, fixed for the life of an engine.
#[derive(Debug, Clone)]
pub struct Rules {
    pub chain_id: u64,
    /// The L1 attributes transaction tops each block.
    pub system_transactions: bool,
    /// A system transaction that fails makes the block invalid.
    pub system_must_succeed: bool,
    /// EIP-4844 transactions are allowed.
    pub blobs: bool,
    pub max_block_bytes: u64,
    /// How the base fee follows the gas used (EIP-1559).
    pub base_fee_params: BaseFeeParams,
    /// (timestamp in seconds, rules), ascending, never empty.
    forks: Vec<(u64, SpecId)>,
}

impl Rules {
    /// Reads `rules_json` of the engine. InvalidConfig names the field.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let entry: RulesEntry = serde_json::from_slice(json)
            .map_err(|e| Error::InvalidConfig(format!("rules_json does not parse: {e}")))?;
        let forks = entry
            .forks
            .iter()
            .map(fork)
            .collect::<Result<Vec<_>, _>>()?;
        if forks.is_empty() || !forks.is_sorted() {
            return Err(Error::InvalidConfig(
                "rules_json.forks must name at least one fork, oldest first".into(),
            ));
        }
        Ok(Self {
            chain_id: entry.chain_id,
            system_transactions: entry.system_transactions,
            system_must_succeed: entry.system_must_succeed,
            blobs: entry.blobs,
            max_block_bytes: entry.max_block_bytes,
            base_fee_params: base_fee_params(&entry)?,
            forks,
        })
    }

    /// The fork that holds at `timestamp` (seconds). The first one also holds before its time.
    pub fn spec(&self, timestamp: u64) -> SpecId {
        let later = self.forks.partition_point(|(from, _)| *from <= timestamp);
        self.forks[later.saturating_sub(1)].1
    }

    /// Blob schedule at `timestamp` (EIP-7840); None before Cancun.
    pub fn blob_params(&self, timestamp: u64) -> Option<BlobParams> {
        let spec = self.spec(timestamp);
        if spec.is_enabled_in(SpecId::OSAKA) {
            Some(BlobParams::osaka())
        } else if spec.is_enabled_in(SpecId::PRAGUE) {
            Some(BlobParams::prague())
        } else {
            spec.is_enabled_in(SpecId::CANCUN).then(BlobParams::cancun)
        }
    }

    /// What revm must know of the chain at `timestamp`.
    pub fn cfg_env(&self, timestamp: u64) -> CfgEnv {
        let mut cfg = CfgEnv::new_with_spec(self.spec(timestamp));
        cfg.chain_id = self.chain_id;
        if let Some(params) = self.blob_params(timestamp) {
            cfg.max_blobs_per_tx = Some(params.max_blobs_per_tx);
            cfg.blob_base_fee_update_fraction = Some(params.update_fraction as u64);
        }
        cfg
    }

    /// What revm must know of the block with this header.
    pub fn block_env(&self, header: &Header) -> BlockEnv {
        let merged = self.spec(header.timestamp).is_enabled_in(SpecId::MERGE);
        BlockEnv {
            number: U256::from(header.number),
            beneficiary: header.beneficiary,
            timestamp: U256::from(header.timestamp),
            gas_limit: header.gas_limit,
            basefee: header.base_fee_per_gas.unwrap_or_default(),
            difficulty: header.difficulty,
            prevrandao: merged.then_some(header.mix_hash),
            blob_excess_gas_and_price: self.blob_price(header),
            slot_num: 0,
        }
    }

    fn blob_price(&self, header: &Header) -> Option<BlobExcessGasAndPrice> {
        let params = self.blob_params(header.timestamp)?;
        let excess = header.excess_blob_gas.unwrap_or_default();
        Some(BlobExcessGasAndPrice::new(
            excess,
            params.update_fraction as u64,
        ))
    }
}

fn base_fee_params(entry: &RulesEntry) -> Result<BaseFeeParams, Error> {
    let (denominator, elasticity) = (
        entry.base_fee_max_change_denominator,
        entry.elasticity_multiplier,
    );
    if denominator == 0 || elasticity == 0 {
        return Err(Error::InvalidConfig(
            "rules_json: base_fee_max_change_denominator and elasticity_multiplier must be at least 1"
                .into(),
        ));
    }
    Ok(BaseFeeParams::new(denominator.into(), elasticity.into()))
}

fn fork(entry: &ForkEntry) -> Result<(u64, SpecId), Error> {
    let wanted = entry.name.to_lowercase();
    FORKS
        .iter()
        .find(|(name, _)| *name == wanted)
        .map(|(_, spec)| (entry.timestamp, *spec))
        .ok_or_else(|| {
            let known = FORKS.map(|(name, _)| name).join(", ");
            Error::InvalidConfig(format!(
                "rules_json.forks: unknown fork {:?}; known are {known}",
                entry.name
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(forks: &str) -> Result<Rules, Error> {
        let json = format!(
            r#"{{"chain_id": 1, "forks": {forks}, "system_transactions": true, "blobs": false,
                "max_block_bytes": 1048576, "base_fee_max_change_denominator": 8,
                "elasticity_multiplier": 2}}"#
        );
        Rules::parse(json.as_bytes())
    }

    #[test]
    fn fork_holds_from_its_timestamp() {
        let rules =
            rules(r#"[{"timestamp": 0, "name": "cancun"}, {"timestamp": 10, "name": "Prague"}]"#)
                .unwrap();
        assert_eq!(rules.spec(9), SpecId::CANCUN);
        assert_eq!(rules.spec(10), SpecId::PRAGUE);
        assert_eq!(rules.cfg_env(10).max_blobs_per_tx, Some(9));
    }

    #[test]
    fn unknown_fork_is_named() {
        let error = rules(r#"[{"timestamp": 0, "name": "glamsterdam"}]"#).unwrap_err();
        assert!(error.to_string().contains("glamsterdam"));
    }

    #[test]
    fn forks_must_be_in_order() {
        assert!(rules("[]").is_err());
        assert!(
            rules(r#"[{"timestamp": 5, "name": "prague"}, {"timestamp": 0, "name": "cancun"}]"#)
                .is_err()
        );
    }
}
