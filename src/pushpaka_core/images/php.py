"""PHP images: Apache runs as an unprivileged user and listens on $PORT."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.documents import read_json, table_at
from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.php import COMPOSER, LOCK, document_root
from pushpaka_core.detection.tree import FileTree, subtree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.images.recipe import (
    ASSET_ENV,
    ASSET_PACKAGES,
    CACHE,
    TMP,
    ImageRecipe,
    image_path,
    is_detected,
    repository_paths,
)
from pushpaka_core.images.version_ranges import first_allowed

_RELEASE_LINES = ("8.4", "8.3", "8.5", "8.2", "8.1", "8.0", "7.4")
"""The supported release lines, in order of preference."""
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
"""Extensions that are compiled if they are required, with the Debian packages that they need."""
_FRAMEWORK_EXTENSIONS = ("bcmath", "intl", "pcntl", "pdo_mysql", "pdo_pgsql", "zip")
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
_STORAGE, _INITIAL_STORAGE = f"{TMP}/storage", "storage.image"
"""The directory that Laravel writes to, and the name of its initial copy in the image."""


def recipe(plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return the image recipe of a PHP plan."""
    own = subtree(tree, plan.directory)
    extensions = tuple(_extensions(plan, own))
    packages = (package for name in extensions for package in _EXTENSIONS[name])
    compiled = (f"docker-php-ext-install {' '.join(extensions)}",) if extensions else ()
    has_assets = own.exists(FILE)
    found = ImageRecipe(
        base=f"php:{first_allowed(plan.language_version, _RELEASE_LINES)}-apache",
        packages=ASSET_PACKAGES if has_assets else (),
        run_packages=tuple(dict.fromkeys(packages)),
        run_tools=(*compiled, "a2enmod -q rewrite"),
        files={
            "/etc/apache2/ports.conf": "Listen ${PORT}",
            "/etc/apache2/sites-available/000-default.conf": _site_config(plan, own),
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


def _site_config(plan: BuildPlan, tree: FileTree) -> str:
    root = PurePosixPath(image_path(plan.directory), document_root(tree) or ".")
    return _SITE.format(root=root, fallback=_FALLBACK if tree.exists(COMPOSER) else "")


def _extensions(plan: BuildPlan, tree: FileTree) -> Iterator[str]:
    required = table_at(read_json(tree, COMPOSER), "require")
    is_framework = plan.framework in {"laravel", "symfony"}
    for name in _EXTENSIONS:
        if f"ext-{name}" in required or (is_framework and name in _FRAMEWORK_EXTENSIONS):
            yield name


def _with_storage(recipe: ImageRecipe, plan: BuildPlan) -> ImageRecipe:
    """Return *recipe* with a writable copy of Laravel's storage directory for each process."""
    kept = f"{image_path(plan.directory)}/{_INITIAL_STORAGE}"
    return evolve(
        recipe,
        run_env={**recipe.run_env, "LOG_CHANNEL": "stderr"},
        after_build=(
            "mkdir -p storage",
            f"mv storage {_INITIAL_STORAGE}",
            f"ln -s {_STORAGE} storage",
        ),
        entry_command=f"cp -r {kept} {_STORAGE}",
    )


def _with_composer(recipe: ImageRecipe, plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    with_tool = evolve(
        recipe,
        packages=("git", "unzip", *recipe.packages),
        copied_programs={"/usr/bin/composer": "composer:2"},
        env={
            "COMPOSER_ALLOW_SUPERUSER": "1",
            "COMPOSER_CACHE_DIR": f"{CACHE}/composer",
            **recipe.env,
        },
    )
    if plan.install is None or not (is_detected(plan.install) and tree.exists(LOCK)):
        return with_tool
    prefetch = plan.install.command.replace("--optimize-autoloader", "--no-scripts --no-autoloader")
    return evolve(
        with_tool,
        manifests=repository_paths(plan, (COMPOSER, LOCK)),
        install_from_manifests=prefetch,
    )
