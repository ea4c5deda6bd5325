"""Fetches commits with Git."""
