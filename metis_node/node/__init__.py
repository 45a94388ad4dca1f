"""Composition root: configuration, assembly, command line. Only here things are constructed."""
