"""Deterministic simulation of the agreement: real machines, drivers, journals, guards and codecs on
a simulated network, clock and disk. One seed is one history: `python -m tests.sim --seed N`.

    scenario.py    what goes wrong, drawn from a seed
    world.py       the heap of events, and the run
    network.py     loss, duplication, delay, reordering, partitions
    disk.py        files that lose what was not flushed, and tear what was half written
    node.py        a validator: what survives a crash, and the process that runs now
    adversary.py   who breaks the protocol
    checkers.py    what must hold, judged from outside
    mutants.py     planted bugs, each caught by the checker that it is for
    report.py      many seeds, and what they showed
"""
