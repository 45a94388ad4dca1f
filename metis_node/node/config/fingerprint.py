"""One hash over the settings that shape what a sequencer puts on the chain and on L1."""

from __future__ import annotations

import orjson

from metis_node.codec.hashes import keccak256
from metis_node.node.config.model import Config
from metis_node.types.primitives import Hash32


def settings_hash(config: Config) -> Hash32:
    """Equal for nodes that build, hold and post alike: keys, places, roles and purses have no
    part in it. What must be equal is in the genesis file, which the handshake compares."""
    shaping = {
        "sequencer": config.sequencer.model_dump(mode="json", exclude={"enabled", "fee_recipient"}),
        "mempool": config.mempool.model_dump(mode="json"),
        "batcher": config.batcher.model_dump(
            mode="json", include={"data", "max_channel_age_s", "target_blobs", "confirmations"}
        ),
    }
    return Hash32(keccak256(orjson.dumps(shaping, option=orjson.OPT_SORT_KEYS)))
