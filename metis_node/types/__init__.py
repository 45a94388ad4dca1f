"""Frozen values shared by every room. No behaviour beyond derived properties, no I/O."""
