"""Pictures of pages, for whoever looks at them after a run."""

import os
from pathlib import Path

from attrs import frozen
from playwright.async_api import Page


@frozen
class Pictures:
    """A folder into which pages are taken as they look."""

    _folder: Path

    async def take(self, page: Page, name: str) -> None:
        """Take what is in the window, once nothing moves any more."""
        await page.screenshot(
            path=self._folder / f"{name}.png", animations="disabled", caret="hide"
        )


def folder_of(test: Path) -> Path:
    """Return where pictures go: where somebody wants them, or into the folder of a test."""
    return Path(os.environ.get("PUSHPAKA_TEST_SCREENSHOTS") or test)
