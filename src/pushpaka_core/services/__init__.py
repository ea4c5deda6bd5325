"""Use cases, built on the ports."""
