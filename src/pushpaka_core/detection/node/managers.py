"""Package managers, as data: their lock files, and what they are told."""

from attrs import frozen

from pushpaka_core.domain.build_plans import Evidence, Rejected


@frozen(kw_only=True)
class Manager:
    """What a package manager is told."""

    name: str
    locks: tuple[str, ...]
    install: str
    """With a lock file."""
    install_unlocked: str
    run: str
    """Runs the script {script}."""
    run_with: str = "{run} {arguments}"
    """Hands {arguments} on to the last program of a script."""
    tool: str = "{command}"
    """Runs a program that a package brings: {command} with its arguments."""
    node: str = "node"
    """Runs a file of the project."""


NPM = Manager(
    name="npm",
    locks=("package-lock.json", "npm-shrinkwrap.json"),
    install="npm ci --include=dev",
    install_unlocked="npm install --include=dev",
    run="npm run {script}",
    run_with="{run} -- {arguments}",
)
PNPM = Manager(
    name="pnpm",
    locks=("pnpm-lock.yaml",),
    install="pnpm install --frozen-lockfile --prod=false",
    install_unlocked="pnpm install --no-frozen-lockfile --prod=false",
    run="pnpm run {script}",
)
YARN = Manager(
    name="yarn",
    locks=("yarn.lock",),
    install="yarn install --frozen-lockfile --production=false",
    install_unlocked="yarn install --production=false",
    run="yarn run {script}",
)
BERRY = Manager(
    name="yarn",
    locks=("yarn.lock",),
    install="yarn install --immutable",
    install_unlocked="yarn install --no-immutable",
    run="yarn run {script}",
    tool="yarn {command}",
    node="yarn node",
)
BUN = Manager(
    name="bun",
    locks=("bun.lock", "bun.lockb"),
    install="bun install --frozen-lockfile",
    install_unlocked="bun install",
    run="bun run {script}",
)
LIFECYCLE = frozenset(
    f"{when}{script}"
    for when in ("pre", "", "post")
    for script in ("install", "prepublish", "prepare", "dependencies")
)
"""Scripts of an application that run when its packages are installed."""
BY_LOCK = (PNPM, YARN, BUN, NPM)
"""The order in which lock files win."""


@frozen(kw_only=True)
class ChosenManager:
    """The package manager of a project, and why it is that one."""

    manager: Manager
    version: str | None = None
    lock: str | None = None
    """The lock file that is used, as seen from the repository."""
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    @property
    def install(self) -> str:
        """Return the command that installs all packages, those for the build included."""
        return self.manager.install if self.lock else self.manager.install_unlocked

    def run(self, script: str, arguments: str = "") -> str:
        """Return what runs a script of package.json, with *arguments* for its last program."""
        run = self.manager.run.format(script=script)
        return self.manager.run_with.format(run=run, arguments=arguments) if arguments else run

    def tool(self, command: str) -> str:
        """Return what runs a program that a package brings."""
        return self.manager.tool.format(command=command)

    def node(self, arguments: str) -> str:
        """Return what runs a file of the project."""
        return f"{self.manager.node} {arguments}"
