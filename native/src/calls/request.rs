//! `CallRequest`: the transaction object of eth_call and its kin, parsed and turned into a `TxEnv`.

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use revm::context::{BlockEnv, CfgEnv, TxEnv};
use revm::context_interface::either::Either;
use serde_json::Value;

use super::fields::Fields;
use super::refusal::Refusal;
use super::words::Offer;

/// What the client sent. `None`: not given.
#[derive(Debug, Clone, Default)]
pub struct CallRequest {
    pub from: Option<Address>,
    pub to: Option<Address>,
    pub gas: Option<u64>,
    pub gas_price: Option<U256>,
    pub max_fee: Option<U256>,
    pub max_priority_fee: Option<U256>,
    pub max_blob_fee: Option<U256>,
    pub value: Option<U256>,
    pub nonce: Option<u64>,
    pub input: Option<Bytes>,
    pub access_list: Option<AccessList>,
    pub chain_id: Option<U256>,
    pub blob_hashes: Option<Vec<B256>>,
    pub authorizations: Option<Vec<SignedAuthorization>>,
}

impl CallRequest {
    /// Reads geth's `TransactionArgs`. `place` names the argument in errors.
    pub fn parse(value: &Value, place: &str) -> Result<Self, Refusal> {
        let fields = Fields::of(value, place)?;
        let data = fields.bytes("data")?;
        Ok(Self {
            from: fields.address("from")?,
            to: fields.address("to")?,
            gas: fields.u64("gas")?,
            gas_price: fields.u256("gasPrice")?,
            max_fee: fields.u256("maxFeePerGas")?,
            max_priority_fee: fields.u256("maxPriorityFeePerGas")?,
            max_blob_fee: fields.u256("maxFeePerBlobGas")?,
            value: fields.u256("value")?,
            nonce: fields.u64("nonce")?,
            input: fields.bytes("input")?.or(data),
            access_list: access_list(&fields, place)?,
            chain_id: fields.u256("chainId")?,
            blob_hashes: fields.hashes("blobVersionedHashes")?,
            authorizations: authorizations(&fields, place)?,
        })
    }

    pub fn sender(&self) -> Address {
        self.from.unwrap_or_default()
    }

    /// The rules that hold whatever the state is: geth's `CallDefaults`.
    pub fn check(&self, chain_id: u64) -> Result<(), Refusal> {
        let dynamic = self.max_fee.is_some() || self.max_priority_fee.is_some();
        if self.gas_price.is_some() && dynamic {
            return Err(Refusal::refused(
                "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
            ));
        }
        match self.chain_id {
            Some(have) if have != U256::from(chain_id) => Err(Refusal::refused(format!(
                "chainId does not match node's (have={have}, want={chain_id})"
            ))),
            _ => Ok(()),
        }
    }

    /// The most that the sender offers per gas: (fee cap, priority fee cap).
    pub fn fees(&self) -> (U256, U256) {
        match self.gas_price {
            Some(price) => (price, price),
            None => (
                self.max_fee.unwrap_or_default(),
                self.max_priority_fee.unwrap_or_default(),
            ),
        }
    }

    /// Without a fee the base fee is taken as zero, so that a free call is not below it.
    pub fn waive_fees(&self, block: &mut BlockEnv) {
        let (cap, tip) = self.fees();
        if cap.is_zero() && tip.is_zero() {
            block.basefee = 0;
        }
        if self.max_blob_fee.unwrap_or_default().is_zero()
            && let Some(blob) = &mut block.blob_excess_gas_and_price
        {
            blob.blob_gasprice = 0;
        }
    }

    /// The transaction of this request. It must have passed `check`.
    pub fn to_tx(&self, gas_limit: u64, chain_id: u64) -> TxEnv {
        let (fee_cap, tip_cap) = self.fees();
        TxEnv {
            tx_type: self.tx_type(),
            caller: self.sender(),
            gas_limit,
            gas_price: saturated(fee_cap),
            kind: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value.unwrap_or_default(),
            data: self.input.clone().unwrap_or_default(),
            nonce: self.nonce.unwrap_or_default(),
            chain_id: Some(chain_id),
            access_list: self.access_list.clone().unwrap_or_default(),
            gas_priority_fee: (self.tx_type() >= 2).then(|| saturated(tip_cap)),
            blob_hashes: self.blob_hashes.clone().unwrap_or_default(),
            max_fee_per_blob_gas: saturated(self.max_blob_fee.unwrap_or_default()),
            authorization_list: self.signed_authorizations(),
        }
    }

    /// The lowest type that can say all that was given.
    pub fn tx_type(&self) -> u8 {
        if self.authorizations.is_some() {
            4
        } else if self.blob_hashes.is_some() {
            3
        } else if self.max_fee.is_some() || self.max_priority_fee.is_some() {
            2
        } else {
            u8::from(self.access_list.is_some())
        }
    }

    fn signed_authorizations(
        &self,
    ) -> Vec<Either<SignedAuthorization, alloy_eips::eip7702::RecoveredAuthorization>> {
        let list = self.authorizations.iter().flatten();
        list.map(|authorization| Either::Left(authorization.clone()))
            .collect()
    }

    /// What error words say of the sender and its offer.
    pub fn offer(&self, gas_limit: u64, block: &BlockEnv) -> Offer {
        let (fee_cap, tip_cap) = self.fees();
        Offer {
            from: self.sender(),
            gas_limit,
            max_fee: fee_cap,
            max_priority_fee: tip_cap,
            base_fee: block.basefee,
            init_code_len: self.input.as_ref().map_or(0, |input| input.len()),
        }
    }
}

/// Rules that a call need not keep: it is not signed, pays nobody, and is not bound to a block.
pub fn relax(cfg: &mut CfgEnv) {
    cfg.disable_nonce_check = true;
    cfg.disable_eip3607 = true;
    cfg.disable_block_gas_limit = true;
    cfg.tx_gas_limit_cap = Some(u64::MAX);
    cfg.max_blobs_per_tx = None;
}

/// No balance reaches 2^128 wei, so a fee above it is refused for lack of funds all the same.
fn saturated(fee: U256) -> u128 {
    u128::try_from(fee).unwrap_or(u128::MAX)
}

fn access_list(fields: &Fields<'_>, place: &str) -> Result<Option<AccessList>, Refusal> {
    let Some(items) = fields.list("accessList")? else {
        return Ok(None);
    };
    let place = format!("{place}.accessList");
    let item = |value: &Value| {
        let fields = Fields::of(value, &place)?;
        Ok(AccessListItem {
            address: fields.address("address")?.unwrap_or_default(),
            storage_keys: fields.hashes("storageKeys")?.unwrap_or_default(),
        })
    };
    items
        .iter()
        .map(item)
        .collect::<Result<Vec<_>, _>>()
        .map(AccessList)
        .map(Some)
}

fn authorizations(
    fields: &Fields<'_>,
    place: &str,
) -> Result<Option<Vec<SignedAuthorization>>, Refusal> {
    let Some(items) = fields.list("authorizationList")? else {
        return Ok(None);
    };
    let place = format!("{place}.authorizationList");
    let item = |value: &Value| authorization(&Fields::of(value, &place)?);
    items
        .iter()
        .map(item)
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
}

fn authorization(fields: &Fields<'_>) -> Result<SignedAuthorization, Refusal> {
    let parity = fields
        .u64("yParity")?
        .or(fields.u64("v")?)
        .unwrap_or_default();
    let parity =
        u8::try_from(parity).map_err(|_| fields.refuse("yParity", "hex number > 8 bits"))?;
    let inner = Authorization {
        chain_id: required(fields, "chainId", fields.u256("chainId")?)?,
        address: required(fields, "address", fields.address("address")?)?,
        nonce: required(fields, "nonce", fields.u64("nonce")?)?,
    };
    let r = required(fields, "r", fields.u256_padded("r")?)?;
    let s = required(fields, "s", fields.u256_padded("s")?)?;
    Ok(SignedAuthorization::new_unchecked(inner, parity, r, s))
}

fn required<T>(fields: &Fields<'_>, name: &str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| fields.refuse(name, "missing required field"))
}
