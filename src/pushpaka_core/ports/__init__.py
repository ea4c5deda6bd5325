"""
Ports: the interfaces through which the core reaches storage, runtimes and networks.

Each port is a Protocol whose docstrings are the contract that every adapter fulfills.
"""
