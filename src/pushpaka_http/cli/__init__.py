"""The command line: `pushpaka`, the outermost layer, which may see everything."""

from pushpaka_http.cli.entry import main

__all__ = ["main"]
