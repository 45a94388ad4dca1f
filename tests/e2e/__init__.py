"""Real daemons and processes."""
