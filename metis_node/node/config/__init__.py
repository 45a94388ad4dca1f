"""Configuration of one node: what can be set, where values come from, how they are shown.

Only what concerns this node alone may live here. What all nodes of a chain must agree on (block
time, gas limit, inbox address, ...) stands in the genesis file and nowhere else.
"""

from metis_node.node.config.loading import LoadedConfig, load_config
from metis_node.node.config.model import Config

__all__ = ["Config", "LoadedConfig", "load_config"]
