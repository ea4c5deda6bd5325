"""
The table of languages, in the order in which they are tried.

To add a language, write a module for it and add a row.
"""

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
from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import first_matching_file
from pushpaka_core.detection.node import language as node
from pushpaka_core.detection.node.command_checks import check_user_commands
from pushpaka_core.detection.python import language as python
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Packaging, RejectedCandidate

Analysis = Callable[[DetectionContext], BuildPlan | RejectedCandidate | None]
"""
A function that returns a plan, a rejection if the language matches but no plan can be made, or None
if the language does not match.
"""


def _accept_any(_detection_context: DetectionContext, _plan: BuildPlan, /) -> None:
    """Accept every command, for languages without a check."""


@frozen(kw_only=True)
class Language:
    """A language or toolchain that can be detected."""

    name: str
    title: str
    triggers: tuple[str, ...]
    """
    Files that identify the language, most specific first. "*" matches any part of a name in the
    application directory.
    """
    analyze: Analysis
    needs_image: bool = False
    """True if the language can only be built as a container image, which brings the toolchain."""
    is_last_resort: bool = False
    """True if a match is only a guess, which the main file of any other language overrides."""
    add_command: str = ""
    """The command that installs packages which the plan needs and the project does not list."""
    check: Callable[[DetectionContext, BuildPlan], None] = _accept_any
    """A function that raises DetectionError if a command that the user gave cannot work."""

    def is_supported(self, packaging: Packaging) -> bool:
        """Return True if applications in this language can be built as *packaging*."""
        return packaging is Packaging.IMAGE or not self.needs_image

    def find_trigger(self, tree: FileTree) -> str | None:
        """Return the file that identifies this language in *tree*, or None."""
        return first_matching_file(tree, self.triggers)


_ADD_PYTHON = "uv pip install {packages}"

LANGUAGES: tuple[Language, ...] = (
    Language(
        name="dockerfile", title="Docker", triggers=dockerfile.FILES, analyze=dockerfile.analyze
    ),
    Language(
        name="static",
        title="Static files",
        triggers=(static.STATICFILE,),
        analyze=static.plan_staticfile,
    ),
    Language(
        name="python",
        title="Python",
        triggers=python.TRIGGERS,
        analyze=python.analyze,
        add_command=_ADD_PYTHON,
    ),
    Language(
        name="ruby", title="Ruby", triggers=ruby.TRIGGERS, analyze=ruby.analyze, needs_image=True
    ),
    Language(name="php", title="PHP", triggers=php.TRIGGERS, analyze=php.analyze, needs_image=True),
    Language(
        name="elixir",
        title="Elixir",
        triggers=elixir.TRIGGERS,
        analyze=elixir.analyze,
        needs_image=True,
    ),
    Language(name="go", title="Go", triggers=go.TRIGGERS, analyze=go.analyze, needs_image=True),
    Language(
        name="java", title="Java", triggers=java.TRIGGERS, analyze=java.analyze, needs_image=True
    ),
    Language(
        name="dotnet",
        title=".NET",
        triggers=dotnet.TRIGGERS,
        analyze=dotnet.analyze,
        needs_image=True,
    ),
    Language(
        name="node",
        title="Node.js",
        triggers=node.TRIGGERS,
        analyze=node.analyze,
        check=check_user_commands,
    ),
    Language(
        name="deno", title="Deno", triggers=deno.TRIGGERS, analyze=deno.analyze, needs_image=True
    ),
    Language(
        name="rust", title="Rust", triggers=rust.TRIGGERS, analyze=rust.analyze, needs_image=True
    ),
    Language(
        name="static",
        title="Static files",
        triggers=static.INDEX_FILES,
        analyze=static.plan_index_page,
        is_last_resort=True,
    ),
    Language(
        name="python",
        title="Python",
        triggers=python.TRIGGERS,
        analyze=python.analyze_script,
        add_command=_ADD_PYTHON,
        is_last_resort=True,
    ),
    Language(
        name="shell",
        title="A start script",
        triggers=(shell.SCRIPT,),
        analyze=shell.analyze,
        is_last_resort=True,
    ),
)
