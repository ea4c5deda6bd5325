"""Starts, supervises, restarts, scales and stops instances."""
