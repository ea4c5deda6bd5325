"""Shares hints, events and rate limits through Redis. Without it, each process has its own."""
