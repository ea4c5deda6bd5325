"""The plan of a directory on this host, found out without an instance."""

from pathlib import Path

from anyio import to_thread
from attrs import frozen

from pushpaka_core.detection import FileTree, Wishes, detect, explain
from pushpaka_core.domain.build_plans import BuildPlan, Packaging
from pushpaka_core.domain.run_settings import choose_settings
from pushpaka_core.images.dockerfiles import DockerfileWriter
from pushpaka_core.images.languages import recipe_of


@frozen(kw_only=True)
class LocalPlan:
    """What a deployment of a directory would do."""

    plan: BuildPlan
    tree: FileTree
    """All files of its repository."""

    @property
    def explanation(self) -> tuple[str, ...]:
        """Return it told to a person, for a project that nothing is set of."""
        return explain(self.plan, choose_settings(None, self.plan.settings))

    def dockerfile(self, *, prefix: str = "") -> str:
        """
        Return the text from which its image would be built, which blocks.

        Only for a plan that is for an image and has no Dockerfile of the repository's own.
        *prefix* stands before the names of base images.
        """
        return DockerfileWriter(prefix=prefix).write(self.plan, recipe_of(self.plan, self.tree))


async def plan_directory(directory: Path, packaging: Packaging) -> LocalPlan:
    """
    Look at *directory* as at a commit of it: in a working tree of Git without what is ignored.

    There it is what a project would have as its root_dir. The path leads through no link.

    Raises:
        DetectionError: If no plan can be made.
        SourceError: If its files are too many.
        SettingsError: If it is in a working tree, and git is not installed.
        PlatformFaultError: If git refuses to list them.
    """
    tree, root_dir = await _files_around(directory)
    wishes = Wishes(root_dir=root_dir, packaging=packaging)
    plan = await to_thread.run_sync(detect, tree, wishes)
    return LocalPlan(plan=plan, tree=tree)


async def _files_around(directory: Path) -> tuple[FileTree, str]:
    """Return the files of the repository, and where in it *directory* lies."""
    from pushpaka_core.adapters.files.tree import load_tree, tree_of
    from pushpaka_core.adapters.git.commands import find_git
    from pushpaka_core.adapters.git.working_trees import WorkingTree
    from pushpaka_core.adapters.process.passing import open_passing_processes

    working_tree = WorkingTree.around(directory)
    if working_tree is None:
        return await to_thread.run_sync(load_tree, directory, ""), ""
    async with open_passing_processes() as processes:
        paths = await working_tree.paths(processes, find_git())
    tree = await to_thread.run_sync(tree_of, working_tree.root, paths)
    return tree, working_tree.inner(directory)
