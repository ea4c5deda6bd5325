"""The table of package managers: lock files and commands."""

from attrs import frozen

from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate


@frozen(kw_only=True)
class PackageManager:
    """The commands of a package manager."""

    name: str
    locks: tuple[str, ...]
    install: str
    """The command that installs packages with a lock file."""
    install_unlocked: str
    run_template: str
    """A template for the command that runs {script}."""
    run_with: str = "{run} {arguments}"
    """A template for the part that passes {arguments} to the last command of a script."""
    tool_template: str = "{command}"
    """A template for the command that runs a program of a package: {command} with its arguments."""
    node: str = "node"
    """The command that runs a JavaScript file of the project."""


NPM = PackageManager(
    name="npm",
    locks=("package-lock.json", "npm-shrinkwrap.json"),
    install="npm ci --include=dev",
    install_unlocked="npm install --include=dev",
    run_template="npm run {script}",
    run_with="{run} -- {arguments}",
)
PNPM = PackageManager(
    name="pnpm",
    locks=("pnpm-lock.yaml",),
    install="pnpm install --frozen-lockfile --prod=false",
    install_unlocked="pnpm install --no-frozen-lockfile --prod=false",
    run_template="pnpm run {script}",
)
YARN = PackageManager(
    name="yarn",
    locks=("yarn.lock",),
    install="yarn install --frozen-lockfile --production=false",
    install_unlocked="yarn install --production=false",
    run_template="yarn run {script}",
)
BERRY = PackageManager(
    name="yarn",
    locks=("yarn.lock",),
    install="yarn install --immutable",
    install_unlocked="yarn install --no-immutable",
    run_template="yarn run {script}",
    tool_template="yarn {command}",
    node="yarn node",
)
BUN = PackageManager(
    name="bun",
    locks=("bun.lock", "bun.lockb"),
    install="bun install --frozen-lockfile",
    install_unlocked="bun install",
    run_template="bun run {script}",
)
LIFECYCLE = frozenset(
    f"{when}{script}"
    for when in ("pre", "", "post")
    for script in ("install", "prepublish", "prepare", "dependencies")
)
"""Scripts of the application that run when its packages are installed."""
LOCK_PRECEDENCE = (PNPM, YARN, BUN, NPM)
"""The package managers, in the order in which their lock files take precedence."""


@frozen(kw_only=True)
class ChosenManager:
    """The package manager of a project, with the reasons for choosing it."""

    manager: PackageManager
    version: str | None = None
    lock: str | None = None
    """The path of the lock file, relative to the repository, or None."""
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()

    @property
    def install(self) -> str:
        """Return the command that installs all packages, including development dependencies."""
        return self.manager.install if self.lock else self.manager.install_unlocked

    def run_script(self, script: str, arguments: str = "") -> str:
        """Return the command that runs a script, and passes *arguments* to its last command."""
        run = self.manager.run_template.format(script=script)
        return self.manager.run_with.format(run=run, arguments=arguments) if arguments else run

    def run_tool(self, command: str) -> str:
        """Return the command that runs a program of a package."""
        return self.manager.tool_template.format(command=command)

    def run_node(self, arguments: str) -> str:
        """Return the command that runs a JavaScript file of the project."""
        return f"{self.manager.node} {arguments}"
