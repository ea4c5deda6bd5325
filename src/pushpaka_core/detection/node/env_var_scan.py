"""Finds the environment variables that JavaScript sources read, with regular expressions."""

import re
from collections.abc import Iterator

from pushpaka_core.detection.env_var_scan import source_texts
from pushpaka_core.detection.tree import FileTree

_ENDINGS = (
    ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte", ".astro",
    ".prisma",
)  # fmt: skip
_SKIPPED_DIRECTORIES = frozenset(
    {
        "node_modules", "dist", "build", "out", "coverage", "test", "tests", "__tests__", "spec",
        "e2e", "cypress", "playwright", "examples", "docs", "scripts", "vendor", "public",
    }
)  # fmt: skip
_TEST = re.compile(r"\.(?:test|spec|stories|config\.test|d)\.\w+$")
_NAME = r"(?P<name>[A-Za-z_][A-Za-z0-9_]{0,127})"
_QUOTED = r"\s*['\"](?P<name>[A-Z][A-Z0-9_]{2,127})['\"]"
_GENERATED = r"(?:\$env/static/(?:private|public)|astro:env/(?:server|client))"
_ENV_OBJECTS = r"(?:process\.env|import\.meta\.env|Bun\.env)"
_ONE_NAME = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_ENV_OBJECTS}(?:\?\.|\.){_NAME}",
        rf"\b{_ENV_OBJECTS}(?:\?\.)?\[\s*['\"`]{_NAME}['\"`]\s*\]",
        rf"\bDeno\.env\.get\(\s*['\"]{_NAME}['\"]",
        rf"\b(?:configService|config)\.(?:get|getOrThrow)(?:<[\w\[\]| ]{{1,40}}>)?\({_QUOTED}",
        rf"\benv\({_QUOTED}",
    )
)
_MANY_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\{{(?P<names>[^{{}}]{{1,2000}})\}}\s*=\s*{_ENV_OBJECTS}(?![\w.\[])",
        rf"import\s*\{{(?P<names>[^{{}}]{{1,2000}})\}}\s*from\s*['\"]{_GENERATED}['\"]",
    )
)
_FIRST_NAME = re.compile(rf"\s*{_NAME}")
_DYNAMIC = re.compile(r"from\s*['\"]\$env/dynamic/(?:private|public)['\"]")
_DYNAMIC_NAME = re.compile(rf"(?<![\w.])env\.{_NAME}")
_SCHEMA = re.compile(
    r"(?<![\w.])(?P<name>[A-Z][A-Z0-9_]{2,127})\s*:\s*(?:z|v|t|s|Type|envalid|Joi)\."
    r"|(?<![\w.])(?P<checked>[A-Z][A-Z0-9_]{2,127})\s*:\s*(?:str|num|bool|url|email|json)\("
)
"""Matches the variable names in schemas that programs use to validate their environment."""
_SETTINGS = (".npmrc", ".yarnrc.yml", ".yarnrc")
_IN_SETTINGS = re.compile(rf"\$\{{{_NAME}")
_ALWAYS_SET = frozenset(
    {
        "PORT", "HOST", "HOSTNAME", "APP_URL", "APP_COMMIT", "APP_DEPLOYMENT", "PATH", "HOME",
        "LANG", "TMPDIR", "TMP", "TEMP", "USER", "LOGNAME", "PWD", "SHELL", "TZ", "NODE_ENV",
        "NODE_OPTIONS", "CI", "DEBUG", "MODE", "BASE_URL", "PROD", "DEV", "SSR", "SITE",
        "ASSETS_PREFIX", "NEXT_RUNTIME", "NEXT_PHASE", "getSecret", "pm_id",
    }
)  # fmt: skip
"""
Variables that the platform, the operating system or a framework sets, so users need not set
them.
"""
_PLATFORM_PREFIXES = (
    "npm_",
    "VERCEL",
    "NETLIFY",
    "RENDER",
    "RAILWAY_",
    "GITHUB_ACTION",
    "CF_PAGES",
)


def env_names(tree: FileTree) -> tuple[str, ...]:
    """
    Return the names of the environment variables that sources in *tree* read, sorted.

    Variables that the platform, the system or a framework sets are left out.
    """
    names = {name for text in sources(tree) for name in _names_in(text)}
    settings = (tree.read(path) or "" for path in _SETTINGS)
    names |= {match["name"] for text in settings for match in _IN_SETTINGS.finditer(text)}
    return tuple(
        sorted(name for name in names - _ALWAYS_SET if not name.startswith(_PLATFORM_PREFIXES))
    )


def sources(tree: FileTree) -> Iterator[str]:
    """Yield the texts of JavaScript sources, as `source_texts` does."""
    return source_texts(tree, _is_source)


def _is_source(path: str) -> bool:
    if not path.endswith(_ENDINGS) or _TEST.search(path):
        return False
    return not any(
        part in _SKIPPED_DIRECTORIES or part.startswith(".") for part in path.split("/")[:-1]
    )


def _names_in(text: str) -> Iterator[str]:
    if "env" not in text and "onfig" not in text:
        return
    for pattern in _ONE_NAME:
        yield from (match["name"] for match in pattern.finditer(text))
    for pattern in _MANY_NAMES:
        for match in pattern.finditer(text):
            names = map(_FIRST_NAME.match, match["names"].split(","))
            yield from (name["name"] for name in names if name)
    if "process.env" in text or "createEnv" in text:
        yield from (match["name"] or match["checked"] for match in _SCHEMA.finditer(text))
    if _DYNAMIC.search(text):
        yield from (match["name"] for match in _DYNAMIC_NAME.finditer(text))
