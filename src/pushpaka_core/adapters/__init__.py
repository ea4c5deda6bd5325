"""The adapters: implementations of the ports, grouped by technology."""
