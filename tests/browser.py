"""The Chromium in which tests open pages."""

import shutil


def lacks_browser() -> str | None:
    """Return why no page can be opened."""
    return None if chromium() else "Chromium is not installed (on Debian it is a package)"


def chromium() -> str | None:
    """Return where the program is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")
