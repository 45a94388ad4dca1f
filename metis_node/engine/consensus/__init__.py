"""The host of the agreement: it feeds `consensus/machine.py` and performs what that orders."""
