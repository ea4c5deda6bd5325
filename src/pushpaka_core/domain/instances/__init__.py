"""Instances: the running processes and containers of a deployment."""
