"""Checks the files of a static site before it is published."""

from pathlib import Path, PurePosixPath

from pushpaka_core.adapters.process.releases import resolves_into
from pushpaka_core.adapters.process.sandbox.tree_walk import walk
from pushpaka_core.domain.pipeline.build_plans import StaticSite
from pushpaka_core.errors import BuildError
from pushpaka_core.host.untrusted_files import printable


def require_internal_links(site: Path, app: Path) -> None:
    """Raise BuildError if a link would let visitors read files of this host."""
    with walk(site.resolve()) as entries:
        for entry in entries:
            path = site / entry.path
            if entry.is_link and not resolves_into(app, path):
                link = printable(str(path.relative_to(app)))
                raise BuildError(f"The link {link} points outside the repository. Remove it.")


def missing_page_messages(directory: Path, site: StaticSite) -> tuple[str, ...]:
    """Return a message for each missing error or fallback page of *site*."""
    pages = {"fallback page": site.fallback, "404 page": site.not_found}
    return tuple(
        (
            f"The build did not create {PurePosixPath(site.directory, page)}, the site's {role}. "
            "Check the page's path and the build output."
        )
        for role, page in pages.items()
        if page and not (directory / page).is_file()
    )
