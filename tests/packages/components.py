"""What the tests of packages need, and may not be there."""

import shutil
import subprocess
from functools import cache


@cache
def lacks_compose() -> str | None:
    """Say why nothing can be composed here."""
    try:
        subprocess.run(["docker", "compose", "version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "there is no Docker Compose (Debian's docker-compose)"
    return None


def lacks_systemd() -> str | None:
    """Say why nobody can judge units here."""
    return None if shutil.which("systemd-analyze") else "there is no systemd-analyze"
