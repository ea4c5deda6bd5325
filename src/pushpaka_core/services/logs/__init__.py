"""Writes, stores, trims, reads and follows logs."""
