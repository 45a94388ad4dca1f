"""Tests of this room alone."""
