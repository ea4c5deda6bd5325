"""Reads and validates pushpaka.toml, the deployment configuration in a repository."""
