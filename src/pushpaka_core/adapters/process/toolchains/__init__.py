"""Finds or downloads Python, Node and package managers."""
