"""Builds and runs applications as processes of this host."""
