"""Starts and stops processes of this host, each under a shim that outlives the platform."""
