"""The one door of Python code to native hashing."""

from __future__ import annotations

from metis_node._native import keccak256

__all__ = ["keccak256"]
