"""The table of languages, in the order in which they are asked; a new one is a row and a module."""

from collections.abc import Callable

from attrs import frozen

from pushpaka_core.detection import dockerfile, shell, static
from pushpaka_core.detection.documents import first_match
from pushpaka_core.detection.node import language as node
from pushpaka_core.detection.node.given_commands import check_given_commands
from pushpaka_core.detection.python import language as python
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Rejected

Analysis = Callable[[Question], BuildPlan | Rejected | None]
"""None: it is not about this language. Rejected: it is, but no plan can be made."""


def _accept(_question: Question, _plan: BuildPlan, /) -> None:
    """Take what was given as it is."""


@frozen(kw_only=True)
class Language:
    """A toolchain that a repository may ask for."""

    name: str
    title: str
    triggers: tuple[str, ...]
    """Files that speak for it; a "*" stands for part of a name in the application's directory."""
    analyse: Analysis | None = None
    """None: it is recognised, but nothing here builds it yet."""
    add_command: str = ""
    """How packages of the plan that the project does not bring are installed."""
    check: Callable[[Question, BuildPlan], None] = _accept
    """Raises DetectionError where a command that was given cannot work."""

    def trigger_in(self, tree: FileTree) -> str | None:
        """Return the file that speaks for this language."""
        return first_match(tree, self.triggers)


_ADD_PYTHON = "uv pip install {packages}"

LANGUAGES: tuple[Language, ...] = (
    Language(
        name="dockerfile", title="Docker", triggers=dockerfile.FILES, analyse=dockerfile.analyse
    ),
    Language(
        name="static",
        title="Static files",
        triggers=(static.STATICFILE,),
        analyse=static.from_staticfile,
    ),
    Language(
        name="python",
        title="Python",
        triggers=python.TRIGGERS,
        analyse=python.analyse,
        add_command=_ADD_PYTHON,
    ),
    Language(
        name="node",
        title="Node.js",
        triggers=node.TRIGGERS,
        analyse=node.analyse,
        check=check_given_commands,
    ),
    Language(name="deno", title="Deno", triggers=("deno.json", "deno.jsonc")),
    Language(name="go", title="Go", triggers=("go.mod", "go.work", "main.go")),
    Language(name="rust", title="Rust", triggers=("Cargo.toml",)),
    Language(name="ruby", title="Ruby", triggers=("Gemfile",)),
    Language(name="php", title="PHP", triggers=("composer.json", "index.php")),
    Language(name="java", title="Java", triggers=("pom.xml", "build.gradle", "build.gradle.kts")),
    Language(name="dotnet", title=".NET", triggers=("*.csproj", "*.fsproj", "*.sln")),
    Language(name="elixir", title="Elixir", triggers=("mix.exs",)),
    Language(
        name="static",
        title="Static files",
        triggers=static.INDEX_FILES,
        analyse=static.from_index,
    ),
    Language(
        name="python",
        title="Python",
        triggers=python.TRIGGERS,
        analyse=python.analyse_script,
        add_command=_ADD_PYTHON,
    ),
    Language(name="shell", title="A start script", triggers=(shell.SCRIPT,), analyse=shell.analyse),
)
