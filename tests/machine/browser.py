"""Finds the Chromium that dashboard tests use, and starts it so that networks do not matter."""

import shutil
import sys
from pathlib import Path

_WITHOUT_NETLINK = Path(__file__).with_name("forbid_netlink.py")


def browser_unavailable_reason() -> str | None:
    """Return why Chromium is not available, or None."""
    return None if _chromium() else "Chromium is not installed (on Debian it is a package)"


def chromium_script(directory: Path) -> Path:
    """
    Return a script in *directory* that starts Chromium without notices of network changes.

    When a network interface appears or disappears, as with every container, Chromium closes all
    connections, even those to this host.
    """
    written = directory / "chromium"
    written.write_text(f'#!/bin/sh\nexec {sys.executable} {_WITHOUT_NETLINK} {_chromium()} "$@"\n')
    written.chmod(0o755)
    return written


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-headless-shell")
