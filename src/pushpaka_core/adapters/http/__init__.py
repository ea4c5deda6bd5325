"""Requests to applications."""
