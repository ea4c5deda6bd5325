"""Applications among the packages of a workspace."""

import json

import pytest
from tests.detection.node_trees import commands, package, plan_of, reasons, web

from pushpaka_core.domain.build_plans import StaticSite
from pushpaka_core.errors import DetectionError

PNPM = {
    "package.json": package(packageManager="pnpm@9.12.0", private=True),
    "pnpm-workspace.yaml": "packages:\n  - apps/*\n  - 'packages/**'\n  - '!**/fixtures/**'\n",
    "pnpm-lock.yaml": "lockfileVersion: '9.0'",
}
NPM = {
    "package.json": package(workspaces=["apps/*", "./packages/*"], engines={"node": "20"}),
    "package-lock.json": "",
}
UI = {"packages/ui/package.json": package("core", name="@acme/ui", scripts={"build": "tsc"})}
CORE = {"packages/core/package.json": package(name="core", scripts={"build": "tsc"})}
TYPES = {"packages/types/package.json": package(name="types", main="index.js")}
API = {
    "apps/api/package.json": package(
        "express", "@acme/ui", "types", name="api", scripts={"start": "node .", "build": "tsc"}
    )
}
WEB = {
    "apps/web/package.json": package("next", name="web", scripts={"build": "next build"}),
}


def test_only_application_of_a_workspace_is_found() -> None:
    """Commands run in its directory, and packages are installed for the whole workspace."""
    plan = plan_of({**PNPM, **API, **UI, **CORE, **TYPES})

    assert ("express", "apps/api") == (plan.framework, plan.directory)
    assert ("pnpm", "9.12.0") == (plan.package_manager, plan.package_manager_version)
    assert "pnpm run start" == web(plan)
    assert [
        "cd ../.. && pnpm install --frozen-lockfile --prod=false",
        "pnpm --filter api... run build",
    ] == commands(plan)
    assert "apps/api is a package of the workspace (pnpm-workspace.yaml:None)" in reasons(plan)
    assert "packages/core is needed, and is built before (packages/core/package.json:None)" in (
        reasons(plan)
    )


def test_root_dir_names_one_of_several() -> None:
    """Lock file, manager and versions come from the root of the workspace."""
    plan = plan_of({**NPM, **API, **WEB, **UI, **CORE}, root_dir="apps/api")

    assert ("apps/api", "npm", "20") == (
        plan.directory,
        plan.package_manager,
        plan.language_version,
    )
    assert [
        "cd ../.. && npm ci --include=dev",
        "cd ../../packages/core && npm run build",
        "cd ../../packages/ui && npm run build",
        "npm run build",
    ] == commands(plan)


def test_several_applications_are_named() -> None:
    """Nobody can guess which one is meant."""
    with pytest.raises(
        DetectionError, match=r"apps/api \(express\), apps/web \(nextjs\).*root_dir"
    ):
        plan_of({**NPM, **API, **WEB})


def test_chosen_framework_picks_the_one_that_is_made_with_it() -> None:
    """The owner's word decides between several."""
    assert "apps/web" == plan_of({**NPM, **API, **WEB}, framework="next").directory


@pytest.mark.parametrize(
    ("manifest", "files", "before"),
    [
        (
            package(workspaces=["apps/*", "packages/*"]),
            {"yarn.lock": "# yarn lockfile v1"},
            "cd ../../packages/core && yarn run build",
        ),
        (
            package(workspaces={"packages": ["apps/*", "packages/*"]}),
            {"yarn.lock": "__metadata:\n  version: 8"},
            "cd ../../packages/core && yarn run build",
        ),
        (
            package(workspaces=["{apps,packages}/*"]),
            {"bun.lock": ""},
            "cd ../../packages/core && bun run build",
        ),
        (
            "{}",
            {"lerna.json": '{"packages": ["apps/*", "packages/*"]}'},
            "cd ../../packages/core && npm run build",
        ),
    ],
)
def test_workspaces_of_each_manager_are_known(
    manifest: str, files: dict[str, str], before: str
) -> None:
    """What the application needs is built before it."""
    plan = plan_of({"package.json": manifest, **files, **API, **UI, **CORE})

    assert "apps/api" == plan.directory
    assert before == commands(plan)[1]


@pytest.mark.parametrize(
    ("tool", "files", "command"),
    [
        (
            "turbo",
            {"turbo.json": '{\n  // ours\n  "tasks": {"build": {"dependsOn": ["^build"]}},\n}'},
            "cd ../.. && turbo run build --filter=api",
        ),
        (
            "turbo",
            {"turbo.json": '{"pipeline": {"build": {}}}'},
            "cd ../.. && turbo run build --filter=api",
        ),
        ("turbo", {"turbo.json": '{"tasks": {"lint": {}}}'}, "pnpm --filter api... run build"),
        ("other", {"turbo.json": '{"tasks": {"build": {}}}'}, "pnpm --filter api... run build"),
        ("nx", {"nx.json": "{}"}, "cd ../.. && NX_DAEMON=false nx run api:build"),
    ],
)
def test_tool_of_the_workspace_builds(tool: str, files: dict[str, str], command: str) -> None:
    """Turborepo and Nx know the order themselves, where they are installed and know the task."""
    root = package(tool, packageManager="pnpm@9.12.0")

    plan = plan_of({**PNPM, **API, **UI, **CORE, **files, "package.json": root})

    assert command == commands(plan)[-1]


def test_needed_packages_are_built_for_an_application_without_a_build() -> None:
    """A plain server may use a package that must be compiled."""
    api = {"apps/api/package.json": package("express", "core", scripts={"start": "node ."})}

    plan = plan_of({**NPM, **api, **CORE})

    assert "cd ../../packages/core && npm run build" == commands(plan)[-1]


def test_circular_packages_end() -> None:
    """Packages that need each other are built once."""
    one = {"packages/core/package.json": package("@acme/ui", name="core", scripts={"build": "x"})}

    plan = plan_of({**NPM, **API, **UI, **one})

    assert 4 == len(commands(plan))


def test_libraries_are_no_applications() -> None:
    """A library with a bundler or a main beside the one application is passed over."""
    library = package("vite", name="kit", main="dist/kit.js", scripts={"build": "vite build"})
    docs = package("storybook", "react", name="docs", scripts={"build": "storybook build"})
    files = {"packages/kit/package.json": library, "packages/docs/package.json": docs}

    plan = plan_of({**NPM, **WEB, **files, "packages/kit/dist/kit.js": ""})

    assert "apps/web" == plan.directory


def test_site_of_a_workspace_is_served_from_its_directory() -> None:
    """The output is relative to the application."""
    files = {
        "apps/site/package.json": package("vite", name="site", scripts={"build": "vite build"}),
        "apps/site/index.html": "",
    }

    plan = plan_of({**NPM, **files})

    assert StaticSite(directory="dist", fallback="index.html") == plan.static
    assert "apps/site" == plan.directory


@pytest.mark.parametrize("start", ["turbo run start", "nx run-many -t start", "pnpm -r start"])
def test_root_that_starts_everything_is_not_the_application(start: str) -> None:
    """Its start script starts many, so the one application is looked for."""
    root = package("turbo", scripts={"start": start}, workspaces=["apps/*"])

    assert "apps/api" == plan_of({"package.json": root, **API}).directory


@pytest.mark.parametrize(
    "scripts",
    [{"start": "node server.js"}, {"start": "npm start -w api"}, {"build": "next build"}],
)
def test_root_that_is_an_application_is_taken(scripts: dict[str, str]) -> None:
    """Its packages are then parts of it."""
    root = package("next", scripts=scripts, workspaces=["apps/*"])

    assert "" == plan_of({"package.json": root, **API, **WEB}).directory


def test_directory_outside_of_the_workspace_stands_alone() -> None:
    """A package that the workspace does not name has a lock file and a manager of its own."""
    files = {"tools/bot/package.json": package("express"), "tools/bot/server.js": ""}

    plan = plan_of({**PNPM, **API, **files}, root_dir="tools/bot")

    assert ["npm install --include=dev"] == commands(plan)


def test_excluded_packages_do_not_count() -> None:
    """A pattern with an exclamation mark takes packages away."""
    fixture = {"packages/x/fixtures/app/package.json": package("next", name="app")}

    assert "apps/api" == plan_of({**PNPM, **API, **fixture}).directory


def test_workspace_without_an_application_is_told() -> None:
    """The message says where was looked."""
    with pytest.raises(DetectionError, match="none of the packages of the workspace is an appl"):
        plan_of({**NPM, **CORE, **TYPES})


def test_patterns_are_bounded() -> None:
    """A pattern that would take for ever matches nothing."""
    root = package(workspaces=["*a" * 50 + "/**/" * 50, "apps/*"])
    deep = "/".join(["a" * 60] * 30)

    plan = plan_of({"package.json": root, **API, f"{deep}/package.json": "{}"})

    assert "apps/api" == plan.directory


NX = {
    "package.json": package("nx", "next", "react", "vite", scripts={"start": "nx serve"}),
    "package-lock.json": "",
    "nx.json": "{}",
    "apps/shop-e2e/project.json": '{"name": "shop-e2e", "projectType": "application"}',
    "libs/ui/project.json": '{"name": "ui", "projectType": "library", "targets": {"build": {}}}',
}


def nx_project(executor: str = "", **options: object) -> str:
    build = {"executor": executor, "options": options}
    return json.dumps({"name": "shop", "projectType": "application", "targets": {"build": build}})


@pytest.mark.parametrize(
    ("files", "framework", "started", "site"),
    [
        (
            {
                "apps/shop/project.json": nx_project(
                    "@nx/webpack:webpack", outputPath="dist/apps/shop"
                )
            },
            "node",
            "node dist/apps/shop/main.js",
            None,
        ),
        (
            {"apps/shop/project.json": nx_project("@nx/esbuild:esbuild")},
            "node",
            "node dist/apps/shop/main.js",
            None,
        ),
        (
            {
                "apps/shop/project.json": nx_project("@nx/next:build"),
                "apps/shop/next.config.js": "x",
            },
            "nextjs",
            "next start dist/apps/shop -p $PORT -H ${HOST:-0.0.0.0}",
            None,
        ),
        (
            {"apps/shop/project.json": '{"name": "shop"}', "apps/shop/next.config.mjs": "x"},
            "nextjs",
            "next start apps/shop -p $PORT -H ${HOST:-0.0.0.0}",
            None,
        ),
        (
            {
                "apps/shop/project.json": nx_project("@nx/vite:build"),
                "apps/shop/vite.config.ts": "build: { outDir: '../../dist/apps/shop' }",
                "apps/shop/index.html": "",
            },
            "vite",
            None,
            StaticSite(directory="dist/apps/shop", fallback="index.html"),
        ),
        (
            {
                "apps/shop/project.json": nx_project(
                    "@angular/build:application", outputPath="dist/apps/shop"
                ),
            },
            "angular",
            None,
            StaticSite(directory="dist/apps/shop/browser", fallback="index.html"),
        ),
    ],
)
@pytest.mark.parametrize("root_dir", ["", "apps/shop"])
def test_nx_application_without_a_manifest_is_built_from_the_root(
    files: dict[str, str],
    framework: str,
    started: str | None,
    site: StaticSite | None,
    root_dir: str,
) -> None:
    """Its project.json says by what it is built, and where that goes."""
    plan = plan_of({**NX, **files}, root_dir=root_dir)

    assert (framework, ".", site) == (plan.framework, plan.directory, plan.static)
    assert ["npm ci --include=dev", "NX_DAEMON=false nx run shop:build"] == commands(plan)
    assert started == (web(plan) if started else None)


@pytest.mark.parametrize(
    ("options", "ending"),
    [
        ({"format": ["esm"]}, "js"),
        ({"format": ["cjs"]}, "cjs"),
        ({"format": ["cjs"], "esbuildOptions": {"outExtension": {".js": ".js"}}}, "js"),
    ],
)
def test_nx_application_ends_as_esbuild_calls_it(options: dict[str, object], ending: str) -> None:
    """CommonJS gets a name of its own, unless the project has another one for it."""
    manifest = nx_project("@nx/esbuild:esbuild", outputPath="dist/apps/shop", **options)

    plan = plan_of({**NX, "apps/shop/project.json": manifest})

    assert f"node dist/apps/shop/main.{ending}" == web(plan)


def test_several_nx_applications_are_named() -> None:
    """They are named by their directories."""
    server = nx_project("@nx/js:tsc")
    files = {"apps/shop/project.json": server, "apps/api/project.json": server}

    with pytest.raises(DetectionError, match=r"apps/api \(node\), apps/shop \(node\)"):
        plan_of({**NX, **files})


@pytest.mark.parametrize("beside", ["README.md", "docs/package.json", "web/server/package.json"])
def test_only_directory_with_an_application_is_taken(beside: str) -> None:
    """A repository may hold nothing at its top."""
    files = {"web/package.json": package("vite"), "web/index.html": "", beside: "{}"}

    plan = plan_of(files)

    assert ("vite", "web") == (plan.framework, plan.directory)
    assert "web/ holds the only application of the repository (None:None)" == reasons(plan)[0]


@pytest.mark.parametrize(
    "other", ["admin/package.json", "api/go.mod", "go.mod", "web/Procfile", "web/pushpaka.toml"]
)
def test_which_of_several_directories_is_meant_is_not_guessed(other: str) -> None:
    """What lies beside it may be the application, or another one."""
    files = {"web/package.json": package("vite"), "web/index.html": "", other: "{}"}

    with pytest.raises(DetectionError, match=r"may be an application in .*web: set root_dir"):
        plan_of(files)


NX_PACKAGES = {
    "package.json": package("nx", "@nestjs/core", "react", "vite", workspaces=["apps/*"]),
    "package-lock.json": "",
    "nx.json": '{"plugins": ["@nx/webpack/plugin", "@nx/vite/plugin"]}',
}
BY_WEBPACK = (
    "module.exports = { output: { path: join(__dirname, 'dist') },"
    " plugins: [new NxAppWebpackPlugin({ target: 'node', compiler: 'tsc' })] }"
)


@pytest.mark.parametrize(
    ("files", "framework", "started", "site"),
    [
        ({"webpack.config.js": BY_WEBPACK}, "node", "node apps/shop/dist/main.js", None),
        (
            {
                "webpack.config.js": BY_WEBPACK.replace("'dist'", "'../../dist/apps/shop'"),
                "project.json": '{"name": "shop"}',
            },
            "node",
            "node dist/apps/shop/main.js",
            None,
        ),
        (
            {"vite.config.ts": "build: { outDir: './dist' }", "index.html": ""},
            "vite",
            None,
            StaticSite(directory="apps/shop/dist", fallback="index.html"),
        ),
        (
            {"astro.config.mjs": "export default {}", "project.json": '{"name": "shop"}'},
            "astro",
            None,
            StaticSite(directory="apps/shop/dist", not_found="404.html"),
        ),
    ],
)
@pytest.mark.parametrize("root_dir", ["", "apps/shop"])
def test_nx_application_whose_build_is_inferred_is_found(
    files: dict[str, str],
    framework: str,
    started: str | None,
    site: StaticSite | None,
    root_dir: str,
) -> None:
    """Its configuration is all that says how it is built, and where that goes."""
    own = {f"apps/shop/{name}": text for name, text in files.items()}
    if "project.json" not in files:
        own["apps/shop/package.json"] = '{"name": "shop"}'

    plan = plan_of({**NX_PACKAGES, **own}, root_dir=root_dir)

    assert (framework, ".", site) == (plan.framework, plan.directory, plan.static)
    assert "NX_DAEMON=false nx run shop:build" == commands(plan)[-1]
    assert started == (web(plan) if started else None)


def test_root_of_nx_is_no_application_where_others_are_named() -> None:
    """What the root lists belongs to its applications."""
    files = {"apps/api/project.json": '{"name": "api"}'}

    with pytest.raises(DetectionError, match=r"nx.json has the applications apps/api, and what"):
        plan_of({**NX_PACKAGES, **files})
