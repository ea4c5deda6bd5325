"""Volumes: their settings, life cycle and files."""
