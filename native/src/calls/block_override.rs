//! Block overrides: members of the block that a request wants changed for its execution.

use alloy_primitives::{Address, B256, U256};
use revm::context::BlockEnv;
use revm::context_interface::block::BlobExcessGasAndPrice;
use serde_json::Value;

use super::fields::Fields;
use super::refusal::Refusal;

/// geth's `BlockOverrides`. `None`: as in the block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockOverride {
    pub number: Option<U256>,
    pub difficulty: Option<U256>,
    pub time: Option<u64>,
    pub gas_limit: Option<u64>,
    pub fee_recipient: Option<Address>,
    pub prev_randao: Option<B256>,
    pub base_fee: Option<U256>,
    pub blob_base_fee: Option<U256>,
    pub beacon_root: Option<B256>,
    /// Withdrawals as given; only eth_simulateV1 takes them.
    pub withdrawals: Option<Vec<Value>>,
}

impl BlockOverride {
    /// Takes geth's names and the older ones (`coinbase`, `random`, `baseFee`).
    pub fn parse(value: &Value, place: &str) -> Result<Self, Refusal> {
        if value.is_null() {
            return Ok(Self::default());
        }
        let fields = Fields::of(value, place)?;
        Ok(Self {
            number: fields.u256("number")?,
            difficulty: fields.u256("difficulty")?,
            time: fields.u64("time")?,
            gas_limit: fields.u64("gasLimit")?,
            fee_recipient: fields
                .address("feeRecipient")?
                .or(fields.address("coinbase")?),
            prev_randao: fields.hash("prevRandao")?.or(fields.hash("random")?),
            base_fee: fields.u256("baseFeePerGas")?.or(fields.u256("baseFee")?),
            blob_base_fee: fields.u256("blobBaseFee")?,
            beacon_root: fields.hash("beaconRoot")?,
            withdrawals: fields.list("withdrawals")?.map(<[Value]>::to_vec),
        })
    }

    /// Changes `block`. Refuses what makes no sense for a single call.
    pub fn apply(&self, block: &mut BlockEnv) -> Result<(), Refusal> {
        if self.beacon_root.is_some() {
            return Err(unsupported("beaconRoot"));
        }
        if self.withdrawals.is_some() {
            return Err(unsupported("withdrawals"));
        }
        self.set(block)
    }

    fn set(&self, block: &mut BlockEnv) -> Result<(), Refusal> {
        block.number = self.number.unwrap_or(block.number);
        block.difficulty = self.difficulty.unwrap_or(block.difficulty);
        block.timestamp = self.time.map_or(block.timestamp, U256::from);
        block.gas_limit = self.gas_limit.unwrap_or(block.gas_limit);
        block.beneficiary = self.fee_recipient.unwrap_or(block.beneficiary);
        block.prevrandao = self.prev_randao.or(block.prevrandao);
        if let Some(fee) = self.base_fee {
            block.basefee = u64::try_from(fee).map_err(|_| too_high("baseFeePerGas"))?;
        }
        if let Some(fee) = self.blob_base_fee {
            let price = u128::try_from(fee).map_err(|_| too_high("blobBaseFee"))?;
            let excess = block
                .blob_excess_gas_and_price
                .map_or(0, |blob| blob.excess_blob_gas);
            block.blob_excess_gas_and_price = Some(BlobExcessGasAndPrice {
                excess_blob_gas: excess,
                blob_gasprice: price,
            });
        }
        Ok(())
    }
}

fn unsupported(name: &str) -> Refusal {
    Refusal::refused(format!(
        "block override \"{name}\" is not supported for this RPC method"
    ))
}

fn too_high(name: &str) -> Refusal {
    Refusal::refused(format!("block override \"{name}\" is too high"))
}
