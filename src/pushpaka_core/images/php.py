"""Images for PHP: Apache runs it, as a user without rights and on the port that it is told."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.documents import read_json, table
from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.php import COMPOSER, LOCK, document_root
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.images.ranges import newest_in
from pushpaka_core.images.recipe import (
    ASSET_ENV,
    ASSET_PACKAGES,
    CACHE,
    TMP,
    Recipe,
    is_ours,
    place,
    placed,
)

_LINES = ("8.4", "8.3", "8.5", "8.2", "8.1", "8.0", "7.4")
"""The versions that are chosen from, the preferred one first."""
_EXTENSIONS: Mapping[str, tuple[str, ...]] = {
    "bcmath": (),
    "calendar": (),
    "exif": (),
    "gd": ("libfreetype-dev", "libjpeg62-turbo-dev", "libpng-dev"),
    "gettext": (),
    "gmp": ("libgmp-dev",),
    "intl": ("libicu-dev",),
    "mysqli": (),
    "pcntl": (),
    "pdo_mysql": (),
    "pdo_pgsql": ("libpq-dev",),
    "pgsql": ("libpq-dev",),
    "soap": ("libxml2-dev",),
    "sockets": (),
    "xsl": ("libxslt1-dev",),
    "zip": ("libzip-dev",),
}
"""Extensions that are compiled where they are asked for, and the packages that they need."""
_OF_FRAMEWORKS = ("bcmath", "intl", "pcntl", "pdo_mysql", "pdo_pgsql", "zip")
_INI = """\
display_errors = Off
error_log = /dev/stderr
expose_php = Off
log_errors = On
variables_order = EGPCS
"""
_SITE = """\
ServerName localhost
<VirtualHost *:${{PORT}}>
    DocumentRoot "{root}"
    ErrorLog /dev/stderr
    <Directory "{root}">
        Options FollowSymLinks
        AllowOverride All
        Require all granted
        DirectoryIndex index.php index.html
{fallback}\
    </Directory>
    <LocationMatch "/\\.(?!well-known/)">
        Require all denied
    </LocationMatch>
    <LocationMatch "^/(vendor/|composer\\.(json|lock)$|Procfile$|pushpaka\\.toml$)">
        Require all denied
    </LocationMatch>
</VirtualHost>
"""
_FALLBACK = "        FallbackResource /index.php\n"
_STORAGE, _KEPT_STORAGE = f"{TMP}/storage", "storage.image"
"""Where Laravel writes, and what of it the image brings."""


def recipe(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how an image for a plan in PHP is made."""
    own = below(tree, plan.directory)
    extensions = tuple(_extensions(plan, own))
    packages = (package for name in extensions for package in _EXTENSIONS[name])
    compiled = (f"docker-php-ext-install {' '.join(extensions)}",) if extensions else ()
    has_assets = own.exists(FILE)
    found = Recipe(
        base=f"php:{newest_in(plan.language_version, _LINES)}-apache",
        packages=ASSET_PACKAGES if has_assets else (),
        run_packages=tuple(dict.fromkeys(packages)),
        run_tools=(*compiled, "a2enmod -q rewrite"),
        files={
            "/etc/apache2/ports.conf": "Listen ${PORT}",
            "/etc/apache2/sites-available/000-default.conf": _site(plan, own),
            "/usr/local/etc/php/conf.d/pushpaka.ini": _INI,
        },
        env=ASSET_ENV if has_assets else {},
        run_env={
            "APACHE_LOCK_DIR": f"{TMP}/apache2",
            "APACHE_PID_FILE": f"{TMP}/apache2/apache2.pid",
            "APACHE_RUN_DIR": f"{TMP}/apache2",
        },
    )
    if plan.framework == "laravel":
        found = _with_storage(found, plan)
    return _with_composer(found, plan, own) if own.exists(COMPOSER) else found


def _site(plan: BuildPlan, tree: FileTree) -> str:
    root = PurePosixPath(place(plan.directory), document_root(tree) or ".")
    return _SITE.format(root=root, fallback=_FALLBACK if tree.exists(COMPOSER) else "")


def _extensions(plan: BuildPlan, tree: FileTree) -> Iterator[str]:
    required = table(read_json(tree, COMPOSER), "require")
    is_framework = plan.framework in {"laravel", "symfony"}
    for name in _EXTENSIONS:
        if f"ext-{name}" in required or (is_framework and name in _OF_FRAMEWORKS):
            yield name


def _with_storage(recipe: Recipe, plan: BuildPlan) -> Recipe:
    """Let every process write to Laravel's storage, which begins as the repository has it."""
    kept = f"{place(plan.directory)}/{_KEPT_STORAGE}"
    return evolve(
        recipe,
        run_env={**recipe.run_env, "LOG_CHANNEL": "stderr"},
        finish=(
            "mkdir -p storage",
            f"mv storage {_KEPT_STORAGE}",
            f"ln -s {_STORAGE} storage",
        ),
        prepare=f"cp -r {kept} {_STORAGE}",
    )


def _with_composer(recipe: Recipe, plan: BuildPlan, tree: FileTree) -> Recipe:
    with_tool = evolve(
        recipe,
        packages=("git", "unzip", *recipe.packages),
        borrowed={"/usr/bin/composer": "composer:2"},
        env={
            "COMPOSER_ALLOW_SUPERUSER": "1",
            "COMPOSER_CACHE_DIR": f"{CACHE}/composer",
            **recipe.env,
        },
    )
    if plan.install is None or not (is_ours(plan.install) and tree.exists(LOCK)):
        return with_tool
    prefetch = plan.install.command.replace("--optimize-autoloader", "--no-scripts --no-autoloader")
    return evolve(with_tool, manifests=placed(plan, (COMPOSER, LOCK)), prefetch=prefetch)
