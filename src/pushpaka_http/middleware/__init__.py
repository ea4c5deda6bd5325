"""Middleware for every request: hosts, limits, client addresses, origins and the access log."""
