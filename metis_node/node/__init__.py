"""Composition root: configuration, assembly, command line. The only place that constructs things."""
