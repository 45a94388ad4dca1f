//! Why a transaction cannot stand at its place in a block, in stable codes and geth's words.

use std::borrow::Cow;

use revm::context::result::InvalidTransaction;

/// A transaction left out. Nothing of it is in the state.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// nonce_low nonce_high funds fee_low gas_limit block_full size deadline invalid
    pub code: &'static str,
    pub message: Cow<'static, str>,
}

impl Refusal {
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl From<InvalidTransaction> for Refusal {
    fn from(error: InvalidTransaction) -> Self {
        use InvalidTransaction as E;
        match &error {
            E::NonceTooLow { tx, state } => Self::new(
                "nonce_low",
                format!("nonce too low: next nonce {state}, tx nonce {tx}"),
            ),
            E::NonceTooHigh { tx, state } => Self::new(
                "nonce_high",
                format!("nonce too high: next nonce {state}, tx nonce {tx}"),
            ),
            E::LackOfFundForMaxFee { fee, balance } => Self::new(
                "funds",
                format!(
                    "insufficient funds for gas * price + value: balance {balance}, tx cost {fee}"
                ),
            ),
            E::OverflowPaymentInTransaction => {
                Self::new("funds", "insufficient funds for gas * price + value")
            }
            E::GasPriceLessThanBasefee => {
                Self::new("fee_low", "max fee per gas less than block base fee")
            }
            E::BlobGasPriceGreaterThanMax { .. } => Self::new(
                "fee_low",
                "max fee per blob gas less than block blob gas fee",
            ),
            E::CallGasCostMoreThanGasLimit {
                initial_gas,
                gas_limit,
            } => Self::new(
                "gas_limit",
                format!("intrinsic gas too low: gas {gas_limit}, minimum needed {initial_gas}"),
            ),
            E::GasFloorMoreThanGasLimit {
                gas_floor,
                gas_limit,
            } => Self::new(
                "gas_limit",
                format!(
                    "insufficient gas for floor data gas cost: gas {gas_limit}, minimum needed {gas_floor}"
                ),
            ),
            E::CallerGasLimitMoreThanBlock => Self::new("gas_limit", "exceeds block gas limit"),
            E::TxGasLimitGreaterThanCap { gas_limit, cap } => Self::new(
                "gas_limit",
                format!("transaction gas limit too high (cap: {cap}, tx: {gas_limit})"),
            ),
            E::PriorityFeeGreaterThanMaxFee => Self::new(
                "invalid",
                "max priority fee per gas higher than max fee per gas",
            ),
            E::RejectCallerWithCode => Self::new("invalid", "sender not an eoa"),
            E::CreateInitCodeSizeLimit => Self::new("invalid", "max initcode size exceeded"),
            E::NonceOverflowInTransaction => Self::new("invalid", "nonce has max value"),
            E::Eip2930NotSupported
            | E::Eip1559NotSupported
            | E::Eip4844NotSupported
            | E::Eip7702NotSupported => Self::new("invalid", "transaction type not supported"),
            E::EmptyAuthorizationList => {
                Self::new("invalid", "EIP-7702 transaction with empty auth list")
            }
            other => Self::new("invalid", other.to_string()),
        }
    }
}
