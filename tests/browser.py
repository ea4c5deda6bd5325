"""The Chromium in which tests open pages."""

import shutil
import sys
from pathlib import Path

_DEAF = Path(__file__).with_name("without_netlink.py")


def lacks_browser() -> str | None:
    """Return why no page can be opened."""
    return None if _chromium() else "Chromium is not installed (on Debian it is a package)"


def program(directory: Path) -> Path:
    """
    Return a program in *directory* that is Chromium, as if no network ever changed.

    It drops all its connections, those to this machine as well, when one does; and
    each container that begins or ends brings or takes one.
    """
    written = directory / "chromium"
    written.write_text(f'#!/bin/sh\nexec {sys.executable} {_DEAF} {_chromium()} "$@"\n')
    written.chmod(0o755)
    return written


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-headless-shell")
