"""Benchmarks. Each prints a table and writes JSON; peers run in the same run.."""
