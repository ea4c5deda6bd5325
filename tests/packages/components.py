"""The directory of the checkout, and checks for programs that only packages tests need."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def compose_unavailable_reason() -> str | None:
    """Return why Docker Compose cannot be used here, or None."""
    try:
        subprocess.run(["docker", "compose", "version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "there is no Docker Compose (Debian's docker-compose)"
    return None


def systemd_unavailable_reason() -> str | None:
    """Return why systemd units cannot be analyzed here, or None."""
    return None if shutil.which("systemd-analyze") else "there is no systemd-analyze"
