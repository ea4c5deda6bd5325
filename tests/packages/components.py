"""What the tests of packages need, and may not be there."""

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
