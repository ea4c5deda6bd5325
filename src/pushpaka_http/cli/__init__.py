"""The command line: `pushpaka`, the outermost layer, which may see everything."""

import sys
from importlib import import_module

__all__ = ["main"]


def main() -> None:
    """Run the command line; where what it stands on is not installed, say how it is."""
    try:
        import_module("pushpaka_http.cli.entry").main()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("pushpaka"):
            raise
        sys.stderr.write(
            f"Error: this command needs {error.name}, which is not installed. Run: pip install"
            " 'pushpaka[serve]' on a server, or 'pushpaka[cli]' to command one elsewhere.\n"
        )
        sys.exit(2)
