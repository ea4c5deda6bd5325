"""Adapters for technologies that an instance does not use."""
