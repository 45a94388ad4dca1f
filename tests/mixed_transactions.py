"""An endless mix of valid transactions of every type."""

from __future__ import annotations

from collections.abc import Iterator

from tests import factories
from tests.factories import GWEI, key

STORE_CODE = bytes.fromhex("600035600055600160005260206000f3")  # sstore(0, calldata[0]); return 1
DEPLOY = bytes.fromhex("6010600c60003960106000f3") + STORE_CODE


def mixed_transactions(called: bytes, senders: int = 8) -> Iterator[bytes]:
    """By turns of the first test keys, from nonce 0. `called` should have STORE_CODE."""
    nonces = [0] * senders
    count = 0
    while True:
        for index in range(senders):
            signer, nonce = key(index), nonces[index]
            nonces[index] += 1
            count += 1
            to = key(100 + count % 50).address
            word = count.to_bytes(32, "big")
            match count % 11:
                case 0:
                    yield factories.sign_legacy(signer, nonce=nonce, to=to, value=count)
                case 1:
                    yield factories.sign_legacy(
                        signer, nonce=nonce, to=to, value=GWEI, chain_id=None
                    )
                case 2:
                    yield factories.sign_access_list(
                        signer,
                        nonce=nonce,
                        to=called,
                        data=word,
                        access_list=[(called, [bytes(32)])],
                    )
                case 3:
                    authority = key(1_000 + count)
                    permit = factories.authorization(authority, address=called, nonce=0)
                    yield factories.sign_set_code(
                        signer,
                        nonce=nonce,
                        to=authority.address,
                        data=word,
                        authorizations=[permit],
                    )
                case 4:
                    yield factories.sign_dynamic_fee(
                        signer, nonce=nonce, to=None, data=DEPLOY, gas_limit=200_000
                    )
                case 5 | 6:
                    yield factories.sign_dynamic_fee(
                        signer, nonce=nonce, to=called, data=word, gas_limit=100_000
                    )
                case _:
                    yield factories.sign_dynamic_fee(signer, nonce=nonce, to=to, value=count * GWEI)
