"""PHP applications: the document root, and the packages that Composer installs."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import first_matching_file, line_of, read_json, table_at
from pushpaka_core.detection.env_var_scan import find_env_vars
from pushpaka_core.detection.front_end_assets import asset_steps
from pushpaka_core.detection.steps import detected_step, detected_steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.version_files import (
    first_line_source,
    mise_source,
    pattern_source,
    requested_version,
    tool_versions_source,
)
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate

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
    first_line_source(".php-version"),
    tool_versions_source("php"),
    mise_source("php"),
    pattern_source(COMPOSER, r'"php"\s{0,9}:\s{0,9}"(?P<version>[^"\n]{1,100})"'),
)


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """Return a plan for a PHP app, a rejection if none can be made, or None for other code."""
    tree = context.tree
    if first_matching_file(tree, TRIGGERS) is None and context.framework is None:
        return None
    root = document_root(tree)
    if root is None and not context.has_web_command:
        places = ", ".join(str(PurePosixPath(place, INDEX)) for place in _DIRECTORIES)
        reason = f"there is no {INDEX} (looked for {places})"
        return RejectedCandidate(framework=context.framework or "php", reason=reason)
    found, listed = _framework(tree)
    framework = context.framework or found
    version = requested_version(context, "PHP", _SOURCES)
    assets, reasons = asset_steps(tree)
    return BuildPlan(
        framework=framework,
        language="php",
        language_version=version.text,
        package_manager="composer" if tree.exists(COMPOSER) else None,
        directory=context.directory,
        install=detected_step(_INSTALL) if tree.exists(COMPOSER) else None,
        build=(
            *assets,
            *detected_steps("" if context.has_web_command else _BUILDS.get(framework, "")),
        ),
        processes={} if context.has_web_command else {"web": detected_step(_SERVER)},
        env_names=_env_names(tree),
        evidence=(*listed, *_document_root_evidence(root), *reasons, *version.evidence),
    )


def document_root(tree: FileTree) -> str | None:
    """Return the directory that contains index.php, or None."""
    places = (one for one in _DIRECTORIES if tree.exists(str(PurePosixPath(one, INDEX))))
    return next(places, None)


def _document_root_evidence(root: str | None) -> tuple[Evidence, ...]:
    if root is None:
        return ()
    path = str(PurePosixPath(root, INDEX))
    return (Evidence(reason=f"{path} handles all requests", path=path),)


def _framework(tree: FileTree) -> tuple[str, tuple[Evidence, ...]]:
    required = table_at(read_json(tree, COMPOSER), "require")
    for package, name in _FRAMEWORKS.items():
        if package in required:
            line = line_of(tree.read(COMPOSER) or "", f'"{package}"')
            return name, (Evidence(reason=f"{package} is required", path=COMPOSER, line=line),)
    return "php", ()


def _env_names(tree: FileTree) -> tuple[str, ...]:
    return find_env_vars(tree, (".php",), r"\b(?:get)?env\(|\$_(?:ENV|SERVER)\[")
