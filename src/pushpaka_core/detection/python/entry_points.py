"""Console scripts that a Python project installs, from its pyproject.toml."""

from attrs import frozen

from pushpaka_core.detection.documents import read_toml, table_at
from pushpaka_core.detection.python.dependencies import PythonProject
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate

_PREFERRED_NAMES = ("web", "serve", "server", "start", "run", "app", "api", "main")
"""Common names of console scripts, in order of preference."""
_MAX_SHOWN = 5


@frozen(kw_only=True)
class EntryPoint:
    """A console script of the installed project."""

    name: str
    others: tuple[str, ...]
    line: int | None

    def evidence(self) -> Evidence:
        """Return the line that declares the script, as evidence."""
        reason = f"{self.name} is a script of the project"
        return Evidence(reason=reason, path=PYPROJECT, line=self.line)

    def rejected_candidates(self) -> tuple[RejectedCandidate, ...]:
        """Return the other scripts as rejected candidates."""
        if not self.others:
            return ()
        shown = ", ".join(self.others[:_MAX_SHOWN])
        reason = f"the project also has the scripts {shown}, but {self.name} is used"
        return (RejectedCandidate(framework="python", reason=reason),)


def find_entry_point(tree: FileTree, project: PythonProject) -> EntryPoint | None:
    """Return the best candidate for a start command, or None if the project is not installed."""
    document = read_toml(tree, PYPROJECT)
    poetry = table_at(document, "tool", "poetry")
    scripts = {**table_at(poetry, "scripts"), **table_at(document, "project", "scripts")}
    names = [
        name for name, target in scripts.items() if isinstance(target, str) and _is_plain_name(name)
    ]
    if not names or not project.is_installed:
        return None
    own = table_at(document, "project").get("name") or poetry.get("name")
    first, *others = sorted(names, key=lambda name: (_rank(name), name != own))
    line = _line_of_key(tree.read(PYPROJECT) or "", first)
    return EntryPoint(name=first, others=tuple(others), line=line)


def _line_of_key(text: str, key: str) -> int | None:
    lines = enumerate(text.splitlines(), 1)
    return next((n for n, line in lines if line.partition("=")[0].strip(" \"'") == key), None)


def _is_plain_name(name: str) -> bool:
    return name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum()


def _rank(name: str) -> int:
    return _PREFERRED_NAMES.index(name) if name in _PREFERRED_NAMES else len(_PREFERRED_NAMES)
