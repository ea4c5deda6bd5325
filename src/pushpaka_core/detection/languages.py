"""The table of languages, in the order in which they are asked; a new one is a row and a module."""

from collections.abc import Callable

from attrs import frozen

from pushpaka_core.detection import (
    deno,
    dockerfile,
    dotnet,
    elixir,
    go,
    java,
    php,
    ruby,
    rust,
    shell,
    static,
)
from pushpaka_core.detection.documents import first_match
from pushpaka_core.detection.node import language as node
from pushpaka_core.detection.node.given_commands import check_given_commands
from pushpaka_core.detection.python import language as python
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Packaging, Rejected

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
    analyse: Analysis
    needs_image: bool = False
    """Whether its toolchain comes with an image alone."""
    is_last_resort: bool = False
    """Whether it says little of a repository in which a toolchain has a file of its own."""
    add_command: str = ""
    """How packages of the plan that the project does not bring are installed."""
    check: Callable[[Question, BuildPlan], None] = _accept
    """Raises DetectionError where a command that was given cannot work."""

    def is_built(self, packaging: Packaging) -> bool:
        """Tell whether anything becomes of it where this is made."""
        return packaging is Packaging.IMAGE or not self.needs_image

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
        name="ruby", title="Ruby", triggers=ruby.TRIGGERS, analyse=ruby.analyse, needs_image=True
    ),
    Language(name="php", title="PHP", triggers=php.TRIGGERS, analyse=php.analyse, needs_image=True),
    Language(
        name="elixir",
        title="Elixir",
        triggers=elixir.TRIGGERS,
        analyse=elixir.analyse,
        needs_image=True,
    ),
    Language(name="go", title="Go", triggers=go.TRIGGERS, analyse=go.analyse, needs_image=True),
    Language(
        name="java", title="Java", triggers=java.TRIGGERS, analyse=java.analyse, needs_image=True
    ),
    Language(
        name="dotnet",
        title=".NET",
        triggers=dotnet.TRIGGERS,
        analyse=dotnet.analyse,
        needs_image=True,
    ),
    Language(
        name="node",
        title="Node.js",
        triggers=node.TRIGGERS,
        analyse=node.analyse,
        check=check_given_commands,
    ),
    Language(
        name="deno", title="Deno", triggers=deno.TRIGGERS, analyse=deno.analyse, needs_image=True
    ),
    Language(
        name="rust", title="Rust", triggers=rust.TRIGGERS, analyse=rust.analyse, needs_image=True
    ),
    Language(
        name="static",
        title="Static files",
        triggers=static.INDEX_FILES,
        analyse=static.from_index,
        is_last_resort=True,
    ),
    Language(
        name="python",
        title="Python",
        triggers=python.TRIGGERS,
        analyse=python.analyse_script,
        add_command=_ADD_PYTHON,
        is_last_resort=True,
    ),
    Language(
        name="shell",
        title="A start script",
        triggers=(shell.SCRIPT,),
        analyse=shell.analyse,
        is_last_resort=True,
    ),
)
