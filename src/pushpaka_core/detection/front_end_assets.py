"""Front-end assets that a package.json builds for an application in another language."""

from pushpaka_core.detection.node.manifest import FILE, read_manifest
from pushpaka_core.detection.steps import detected_steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildStep, Evidence

_INSTALLS = (
    ("package-lock.json", "npm ci"),
    ("yarn.lock", "npx --yes yarn@1.22.22 install --frozen-lockfile"),
    ("pnpm-lock.yaml", "npx --yes pnpm@10 install --frozen-lockfile"),
)


def asset_install_command(tree: FileTree) -> str:
    """Return the command that installs the packages of package.json, or "" if there is none."""
    if not tree.exists(FILE):
        return ""
    return next((install for lock, install in _INSTALLS if tree.exists(lock)), "npm install")


def asset_steps(tree: FileTree) -> tuple[tuple[BuildStep, ...], tuple[Evidence, ...]]:
    """Return the steps that run the `build` script of package.json, and the reason."""
    manifest = read_manifest(tree, ".")
    if "build" not in manifest.scripts:
        return (), ()
    return (
        detected_steps(asset_install_command(tree), "npm run build"),
        (manifest.evidence("package.json has a build script", "scripts", "build"),),
    )
