"""Applications in PHP: which directory is served, and what Composer brings."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from pushpaka_core.detection.documents import first_match, line_of, read_json, table
from pushpaka_core.detection.env_reads import env_reads
from pushpaka_core.detection.sayings import first_line, matched, mise, said_version, tool_versions
from pushpaka_core.detection.scripts import asset_steps
from pushpaka_core.detection.steps import detected, steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected

COMPOSER, LOCK, INDEX = "composer.json", "composer.lock", "index.php"
TRIGGERS = (COMPOSER, INDEX, f"public/{INDEX}")

_DIRECTORIES = ("public", "web", "webroot", "www", "htdocs", ".")
_INSTALL = "composer install --no-dev --no-interaction --no-progress --optimize-autoloader"
_FRAMEWORKS: Mapping[str, str] = {
    "laravel/framework": "laravel",
    "symfony/framework-bundle": "symfony",
}
_SERVER = "exec apache2-foreground"
_BUILDS: Mapping[str, str] = {
    "symfony": "php bin/console cache:warmup --env=prod --no-debug",
}
_SOURCES = (
    first_line(".php-version"),
    tool_versions("php"),
    mise("php"),
    matched(COMPOSER, r'"php"\s{0,9}:\s{0,9}"(?P<version>[^"\n]{1,100})"'),
)


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out what of a PHP application is served."""
    tree = question.tree
    if first_match(tree, TRIGGERS) is None and question.framework is None:
        return None
    root = document_root(tree)
    if root is None and not question.has_web:
        places = ", ".join(str(PurePosixPath(place, INDEX)) for place in _DIRECTORIES)
        reason = f"there is no {INDEX} (looked for {places})"
        return Rejected(framework=question.framework or "php", reason=reason)
    found, listed = _framework(tree)
    framework = question.framework or found
    version = said_version(question, "PHP", _SOURCES)
    assets, reasons = asset_steps(tree)
    return BuildPlan(
        framework=framework,
        language="php",
        language_version=version.text,
        package_manager="composer" if tree.exists(COMPOSER) else None,
        directory=question.directory,
        install=detected(_INSTALL) if tree.exists(COMPOSER) else None,
        build=(*assets, *steps("" if question.has_web else _BUILDS.get(framework, ""))),
        processes={} if question.has_web else {"web": detected(_SERVER)},
        env_names=_env_names(tree),
        evidence=(*listed, *_served(root), *reasons, *version.evidence),
    )


def document_root(tree: FileTree) -> str | None:
    """Return the directory whose index.php answers."""
    places = (one for one in _DIRECTORIES if tree.exists(str(PurePosixPath(one, INDEX))))
    return next(places, None)


def _served(root: str | None) -> tuple[Evidence, ...]:
    if root is None:
        return ()
    path = str(PurePosixPath(root, INDEX))
    return (Evidence(reason=f"{path} answers requests", path=path),)


def _framework(tree: FileTree) -> tuple[str, tuple[Evidence, ...]]:
    required = table(read_json(tree, COMPOSER), "require")
    for package, name in _FRAMEWORKS.items():
        if package in required:
            line = line_of(tree.read(COMPOSER) or "", f'"{package}"')
            return name, (Evidence(reason=f"{package} is required", path=COMPOSER, line=line),)
    return "php", ()


def _env_names(tree: FileTree) -> tuple[str, ...]:
    return env_reads(tree, (".php",), r"\b(?:get)?env\(|\$_(?:ENV|SERVER)\[")
