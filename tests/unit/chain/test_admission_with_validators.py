"""What system transactions leave of a block, users may ask for."""

from __future__ import annotations

import pytest

from metis_node.chain.admission import AdmissionRules, check_transaction
from metis_node.errors import InvalidTransaction
from tests import chains, factories
from tests.sequenced import static_set


def admitted(gas: int, consensus: object) -> None:
    rules = chains.new_genesis(consensus=consensus).rules
    raw = factories.sign_dynamic_fee(
        factories.key(0), nonce=0, to=factories.key(1).address, gas_limit=gas
    )
    transaction = chains.decode([raw])[0]
    check_transaction(transaction, 10**9, 1, AdmissionRules.of(rules, factories.GENESIS_TIME))


@pytest.mark.parametrize("consensus", [None, static_set(4)], ids=["one sequencer", "validators"])
def test_a_transaction_that_no_block_could_hold_is_refused(consensus: object) -> None:
    most = factories.GAS_LIMIT - (3_000_000 if consensus is not None else 0)
    admitted(most, consensus)
    with pytest.raises(InvalidTransaction, match="exceeds block gas limit"):
        admitted(most + 1, consensus)
