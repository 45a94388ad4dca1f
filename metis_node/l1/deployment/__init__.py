"""Putting the contracts on an L1: what is wanted, the plan, doing it, and checking it.

`settings` is what the operator wants, `plan` the steps that follow from it, `create2` why their
addresses are known beforehand, `record` the addresses file, `deployer` does the steps, and
`verification` looks whether all is as planned.
"""
