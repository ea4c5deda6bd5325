"""Databases of projects: servers that Pushpaka runs for apps."""
