"""Looks for what a static site must not serve."""

from pathlib import Path

from pushpaka_core.adapters.process.releases import leads_into
from pushpaka_core.adapters.process.walking import printable, walk
from pushpaka_core.domain.build_plans import StaticSite
from pushpaka_core.errors import BuildError


def check_links(site: Path, app: Path) -> None:
    """
    Look for links by which a visitor could read files of this host.

    Raises:
        BuildError: If there is one.
    """
    with walk(site.resolve()) as entries:
        for entry in entries:
            path = site / entry.path
            if entry.is_link and not leads_into(app, path):
                link = printable(str(path.relative_to(app)))
                raise BuildError(f"The link {link} leads out of the repository. Remove it.")


def missing_pages(directory: Path, site: StaticSite) -> tuple[str, ...]:
    """Say which of the pages are not there that *site* has for addresses without a file."""
    pages = {"fallback": site.fallback, "not_found": site.not_found}
    return tuple(
        f"There is no {page} in {site.directory} after the build, which is the site's {role}."
        for role, page in pages.items()
        if page and not (directory / page).is_file()
    )
