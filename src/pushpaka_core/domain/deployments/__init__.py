"""Deployments, their states and targets, and releases."""
