"""Tests. Shared builders are in `factories.py`, stand-ins in `fakes/`."""
