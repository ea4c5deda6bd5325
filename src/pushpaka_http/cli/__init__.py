"""The `pushpaka` command line. This is the outermost layer: it may import every other package."""

import sys
from importlib import import_module

__all__ = ["main"]


def main() -> None:
    """Run the command line, or explain how to install a missing dependency (exit code 2)."""
    try:
        import_module("pushpaka_http.cli.entry").main()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("pushpaka"):
            raise
        sys.stderr.write(
            f"Error: This command needs the package {error.name}, which is not installed. Run:"
            " pip install 'pushpaka[serve]' on a server, or pip install 'pushpaka[cli]' on a"
            " client.\n"
        )
        sys.exit(2)
