"""Recognizes programs that listen on a port, in languages whose code is not parsed."""

import re

from pushpaka_core.detection.env_var_scan import source_texts
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan

_SOURCES = {
    "go": (".go",),
    "rust": (".rs",),
    "ruby": (".rb", ".ru"),
    "java": (".java", ".kt"),
    "dotnet": (".cs", ".fs"),
}
_LISTENS = re.compile(
    r"\b[Ll]isten\w*\(|\b(?:Tcp|Http)Listener\b|\b(?:Http|TCP)Server\b|\bServerSocket\b"
    r"|\bWebApplication\b|\b[Ss]erve\(|\bPORT\b"
)


def is_guess(plan: BuildPlan, tree: FileTree) -> bool:
    """
    Return True if it is only a guess that the main program of *plan* is a web process.

    This is the case if it has no known framework, and nothing in the sources of *tree* seems to
    listen on a port. Python and Node.js, whose own analysis looks for servers, are never a guess.
    """
    endings = _SOURCES.get(plan.language)
    if endings is None or plan.framework != plan.language:
        return False
    texts = source_texts(tree, lambda path: path.endswith(endings))
    return not any(map(_LISTENS.search, texts))
