"""The agreement on one block after another: a pure machine around the native BFT driver.

No clock, disk, network or log here: `engine/consensus_host.py` performs what the machine orders.
"""
