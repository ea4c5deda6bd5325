"""Connects services to adapters, for the API, the worker, tests and embedders."""
