"""Exports and imports a whole database."""
