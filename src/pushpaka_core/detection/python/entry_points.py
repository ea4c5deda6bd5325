"""The commands that a Python project installs, as its pyproject.toml names them."""

from attrs import frozen

from pushpaka_core.detection.documents import read_toml, table
from pushpaka_core.detection.python.dependencies import PythonProject
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Evidence, Rejected

_USUAL = ("web", "serve", "server", "start", "run", "app", "api", "main")
"""Earlier ones are preferred."""
_SHOWN = 5


@frozen(kw_only=True)
class EntryPoint:
    """A command that is there once the project is installed."""

    name: str
    others: tuple[str, ...]
    line: int | None

    def evidence(self) -> Evidence:
        """Say where it is named."""
        reason = f"{self.name} is a script of the project"
        return Evidence(reason=reason, path=PYPROJECT, line=self.line)

    def rejected(self) -> tuple[Rejected, ...]:
        """Say which other ones there are."""
        if not self.others:
            return ()
        shown = ", ".join(self.others[:_SHOWN])
        reason = f"the project has the scripts {shown} too, but {self.name} comes first"
        return (Rejected(framework="python", reason=reason),)


def find_entry_point(tree: FileTree, project: PythonProject) -> EntryPoint | None:
    """Return the likeliest script of a project that is installed itself."""
    document = read_toml(tree, PYPROJECT)
    poetry = table(document, "tool", "poetry")
    scripts = {**table(poetry, "scripts"), **table(document, "project", "scripts")}
    names = [
        name for name, target in scripts.items() if isinstance(target, str) and _is_plain(name)
    ]
    if not names or not project.is_installed:
        return None
    own = table(document, "project").get("name") or poetry.get("name")
    first, *others = sorted(names, key=lambda name: (_rank(name), name != own))
    line = _line_of_key(tree.read(PYPROJECT) or "", first)
    return EntryPoint(name=first, others=tuple(others), line=line)


def _line_of_key(text: str, key: str) -> int | None:
    lines = enumerate(text.splitlines(), 1)
    return next((n for n, line in lines if line.partition("=")[0].strip(" \"'") == key), None)


def _is_plain(name: str) -> bool:
    return name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum()


def _rank(name: str) -> int:
    return _USUAL.index(name) if name in _USUAL else len(_USUAL)
