"""Adapters for the local machine and this process."""
