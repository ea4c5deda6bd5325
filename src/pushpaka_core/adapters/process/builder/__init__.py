"""Builds releases with processes of this host."""
