"""Stand-ins for what a test must not touch. Real parts are preferred wherever they run."""
