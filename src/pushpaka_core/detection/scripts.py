"""Styles and scripts that an application in another language has built by a package.json."""

from pushpaka_core.detection.node.manifest import FILE, read_manifest
from pushpaka_core.detection.steps import steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Evidence, Step

_INSTALLS = (
    ("package-lock.json", "npm ci"),
    ("yarn.lock", "npx --yes yarn@1.22.22 install --frozen-lockfile"),
    ("pnpm-lock.yaml", "npx --yes pnpm@10 install --frozen-lockfile"),
)


def asset_install(tree: FileTree) -> str:
    """Return what installs the packages of a package.json, "" where there is none."""
    if not tree.exists(FILE):
        return ""
    return next((install for lock, install in _INSTALLS if tree.exists(lock)), "npm install")


def asset_steps(tree: FileTree) -> tuple[tuple[Step, ...], tuple[Evidence, ...]]:
    """Return the commands that run the script `build` of a package.json, and why."""
    manifest = read_manifest(tree, ".")
    if "build" not in manifest.scripts:
        return (), ()
    return (
        steps(asset_install(tree), "npm run build"),
        (manifest.evidence("package.json has a script build", "scripts", "build"),),
    )
