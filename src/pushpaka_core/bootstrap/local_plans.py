"""Build plans for a local directory, without an instance."""

from pathlib import Path

from anyio import to_thread
from attrs import frozen

from pushpaka_core.detection import BuildOverrides, FileTree, detect, explain
from pushpaka_core.domain.deployments.run_settings import resolve_settings
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Packaging
from pushpaka_core.domain.volumes.declarations import plan_volumes
from pushpaka_core.images.dockerfiles import DockerfileWriter
from pushpaka_core.images.languages import image_recipe


@frozen(kw_only=True)
class LocalPlan:
    """The build plan of a local directory, and the files it is based on."""

    plan: BuildPlan
    tree: FileTree
    """All files of the repository."""

    @property
    def explanation(self) -> tuple[str, ...]:
        """Return the lines that explain the plan, for a project without settings."""
        volumes = plan_volumes((), self.plan.settings.volumes, is_preview=False)
        return explain(self.plan, resolve_settings(None, self.plan.settings), volumes=volumes)

    def dockerfile(self, *, prefix: str = "") -> str:
        """
        Return the Dockerfile from which the image would be built. Blocks.

        Only for plans with image packaging whose repository has no Dockerfile.

        Args:
            prefix: A prefix for the names of base images.
        """
        return DockerfileWriter(prefix=prefix).write(self.plan, image_recipe(self.plan, self.tree))


async def plan_of_directory(directory: Path, packaging: Packaging) -> LocalPlan:
    """
    Return the build plan for *directory*, as if it were deployed.

    Within a Git working tree, ignored files are left out, and *directory* is used as the project's
    root_dir. The path must not contain symbolic links.

    Raises:
        DetectionError: If no plan can be made.
        SourceError: If there are too many files.
        SettingsError: If the directory is in a working tree and git is not installed.
        PlatformFaultError: If git fails to list the files.
    """
    tree, root_dir = await _repository_files(directory)
    build_overrides = BuildOverrides(root_dir=root_dir, packaging=packaging)
    plan = await to_thread.run_sync(detect, tree, build_overrides)
    return LocalPlan(plan=plan, tree=tree)


async def _repository_files(directory: Path) -> tuple[FileTree, str]:
    """Return the files of the repository, and the path of *directory* within it."""
    from pushpaka_core.adapters.files.tree import load_tree, tree_of
    from pushpaka_core.adapters.git.commands import find_git
    from pushpaka_core.adapters.git.working_trees import WorkingTree
    from pushpaka_core.adapters.process.supervisor.temporary_processes import (
        open_temporary_processes,
    )

    working_tree = WorkingTree.find_containing(directory)
    if working_tree is None:
        return await to_thread.run_sync(load_tree, directory, ""), ""
    async with open_temporary_processes() as processes:
        paths = await working_tree.paths(processes, find_git())
    tree = await to_thread.run_sync(tree_of, working_tree.root, paths)
    return tree, working_tree.relative_path(directory)
