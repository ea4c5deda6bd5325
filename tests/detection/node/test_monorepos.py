"""Tests the detection of applications among the packages of a workspace."""

import json

import pytest
from tests.detection.plans import Case, case, commands, node, package, plan_of, site, web

from pushpaka_core.detection import BuildOverrides
from pushpaka_core.domain.pipeline.build_plans import StaticSite
from pushpaka_core.errors import DetectionError

PNPM = node(
    "",
    {
        "pnpm-workspace.yaml": "packages:\n  - apps/*\n  - 'packages/**'\n  - '!**/fixtures/**'\n",
        "pnpm-lock.yaml": "lockfileVersion: '9.0'",
    },
    packageManager="pnpm@9.12.0",
    private=True,
)
NPM = node(
    "", {"package-lock.json": ""}, workspaces=["apps/*", "./packages/*"], engines={"node": "20"}
)
UI = {"packages/ui/package.json": package("core", name="@acme/ui", scripts={"build": "tsc"})}
CORE = {"packages/core/package.json": package(name="core", scripts={"build": "tsc"})}
TYPES = {"packages/types/package.json": package(name="types", main="index.js")}
API = {
    "apps/api/package.json": package(
        "express @acme/ui types", name="api", scripts={"start": "node .", "build": "tsc"}
    )
}
WEB = {"apps/web/package.json": package("next", name="web", scripts={"build": "next build"})}
NX = node(
    "nx next react vite",
    {
        "package-lock.json": "",
        "nx.json": "{}",
        "apps/shop-e2e/project.json": '{"name": "shop-e2e", "projectType": "application"}',
        "libs/ui/project.json": (
            '{"name": "ui", "projectType": "library", "targets": {"build": {}}}'
        ),
    },
    start="nx serve",
)
NX_PACKAGES = node(
    "nx @nestjs/core react vite",
    {"package-lock.json": "", "nx.json": '{"plugins": ["@nx/webpack/plugin", "@nx/vite/plugin"]}'},
    workspaces=["apps/*"],
)
NX_NEXT = node(
    "nx",
    {
        "package-lock.json": "",
        "nx.json": '{"plugins": ["@nx/next/plugin"]}',
        "apps/web/package.json": package("next react @acme/ui", name="web"),
        "apps/web/next.config.js": "module.exports = {}",
        "libs/ui/package.json": package(name="@acme/ui"),
    },
    workspaces=["apps/*", "libs/*"],
)
BY_WEBPACK = (
    "module.exports = { output: { path: join(__dirname, 'dist') },"
    " plugins: [new NxAppWebpackPlugin({ target: 'node', compiler: 'tsc' })] }"
)
LISTEN = "-p $PORT -H ${HOST:-0.0.0.0}"
LERNA = {"lerna.json": '{"packages": ["apps/*", "packages/*"]}'}
VITE_SITE = {"web/package.json": package("vite"), "web/index.html": ""}


def nx_project(executor: str = "", **options: object) -> str:
    """Return the project.json of an application that *executor* builds."""
    build = {"executor": executor, "options": options}
    return json.dumps({"name": "shop", "projectType": "application", "targets": {"build": build}})


CASES: dict[str, Case] = {
    "the only application of a workspace": case(
        {**PNPM, **API, **UI, **CORE, **TYPES},
        framework="express",
        directory="apps/api",
        manager="pnpm",
        manager_version="9.12.0",
        web="pnpm run start",
        commands=[
            "cd ../.. && pnpm install --frozen-lockfile --prod=false",
            "pnpm --filter api... run build",
        ],
        reasons=[
            "apps/api is a workspace package (pnpm-workspace.yaml)",
            "packages/core is a dependency and is built first (packages/core/package.json)",
        ],
    ),
    "root_dir names one of several": case(
        {**NPM, **API, **WEB, **UI, **CORE},
        BuildOverrides(root_dir="apps/api"),
        directory="apps/api",
        manager="npm",
        version="20",
        commands=[
            "cd ../.. && npm ci --include=dev",
            "cd ../../packages/core && npm run build",
            "cd ../../packages/ui && npm run build",
            "npm run build",
        ],
    ),
    "the chosen framework names one of several": case(
        {**NPM, **API, **WEB}, BuildOverrides(framework="next"), directory="apps/web"
    ),
    "a server without a build may need a package that has one": case(
        {
            **NPM,
            **CORE,
            "apps/api/package.json": package("express core", scripts={"start": "node ."}),
        },
        last="cd ../../packages/core && npm run build",
    ),
    "libraries with a bundler or a main are no applications": case(
        {
            **NPM,
            **WEB,
            "packages/kit/package.json": package(
                "vite", name="kit", main="dist/kit.js", scripts={"build": "vite build"}
            ),
            "packages/kit/dist/kit.js": "",
            "packages/docs/package.json": package(
                "storybook react", name="docs", scripts={"build": "storybook build"}
            ),
        },
        directory="apps/web",
    ),
    "a site in its directory": case(
        {
            **NPM,
            "apps/site/package.json": package("vite", name="site", scripts={"build": "vite build"}),
            "apps/site/index.html": "",
        },
        directory="apps/site",
        static=site("dist", "index.html"),
    ),
    **{
        f"a root that starts all with `{start}` is no application": case(
            {**node("turbo", start=start, workspaces=["apps/*"]), **API}, directory="apps/api"
        )
        for start in ("turbo run start", "nx run-many -t start", "pnpm -r start")
    },
    **{
        f"a root that is an application: {scripts}": case(
            {**node("next", scripts=scripts, workspaces=["apps/*"]), **API, **WEB}, directory=""
        )
        for scripts in (
            {"start": "node server.js"},
            {"start": "npm start -w api"},
            {"build": "next build"},
        )
    },
    "a package outside of the workspace": case(
        {**PNPM, **API, "tools/bot/package.json": package("express"), "tools/bot/server.js": ""},
        BuildOverrides(root_dir="tools/bot"),
        commands=["npm install --include=dev"],
    ),
    "an excluded package": case(
        {**PNPM, **API, "packages/x/fixtures/app/package.json": package("next", name="app")},
        directory="apps/api",
    ),
    "an Nx application in ES modules": case(
        {**NX, "apps/shop/project.json": nx_project("@nx/esbuild:esbuild", format=["esm"])},
        web="node dist/apps/shop/main.js",
    ),
    "an Nx application in CommonJS": case(
        {**NX, "apps/shop/project.json": nx_project("@nx/esbuild:esbuild", format=["cjs"])},
        web="node dist/apps/shop/main.cjs",
    ),
    "an Nx application in CommonJS with another extension": case(
        {
            **NX,
            "apps/shop/project.json": nx_project(
                "@nx/esbuild:esbuild",
                format=["cjs"],
                esbuildOptions={"outExtension": {".js": ".js"}},
            ),
        },
        web="node dist/apps/shop/main.js",
    ),
    **{
        f"an Nx package that lists its framework, root_dir {root_dir!r}": case(
            NX_NEXT,
            BuildOverrides(root_dir=root_dir),
            framework="nextjs",
            directory=".",
            last="NX_DAEMON=false nx run web:build",
            web=f"next start apps/web {LISTEN}",
        )
        for root_dir in ("", "apps/web")
    },
    **{
        f"the only directory with an application, beside {beside}": case(
            {**VITE_SITE, beside: "{}"},
            framework="vite",
            directory="web",
            reasons=["web/ contains the only application in the repository"],
        )
        for beside in ("README.md", "docs/package.json", "web/server/package.json")
    },
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


@pytest.mark.parametrize(
    ("root_files", "manager"),
    [
        (
            node("", {"yarn.lock": "# yarn lockfile v1"}, workspaces=["apps/*", "packages/*"]),
            "yarn",
        ),
        (
            node(
                "",
                {"yarn.lock": "__metadata:\n  version: 8"},
                workspaces={"packages": ["apps/*", "packages/*"]},
            ),
            "yarn",
        ),
        (node("", {"bun.lock": ""}, workspaces=["{apps,packages}/*"]), "bun"),
        ({"package.json": "{}", **LERNA}, "npm"),
    ],
)
def test_workspaces_of_each_manager_are_detected(root_files: dict[str, str], manager: str) -> None:
    """The packages on which the application depends are built before it."""
    plan = plan_of({**root_files, **API, **UI, **CORE})

    assert "apps/api" == plan.directory
    assert f"cd ../../packages/core && {manager} run build" == commands(plan)[1]


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
def test_workspace_is_built_with_its_tool(tool: str, files: dict[str, str], command: str) -> None:
    """Turborepo or Nx is used only if it is installed and defines the task."""
    root = package(tool, packageManager="pnpm@9.12.0")

    plan = plan_of({**PNPM, **API, **UI, **CORE, **files, "package.json": root})

    assert command == commands(plan)[-1]


def test_circular_packages_are_built_once() -> None:
    one = {"packages/core/package.json": package("@acme/ui", name="core", scripts={"build": "x"})}

    plan = plan_of({**NPM, **API, **UI, **one})

    assert 4 == len(commands(plan))


def test_exponential_workspace_patterns_are_ignored() -> None:
    """A pattern that would take exponential time to match is ignored."""
    root = package(workspaces=["*a" * 50 + "/**/" * 50, "apps/*"])
    deep = "/".join(["a" * 60] * 30)

    plan = plan_of({"package.json": root, **API, f"{deep}/package.json": "{}"})

    assert "apps/api" == plan.directory


@pytest.mark.parametrize("root_dir", ["", "apps/shop"])
@pytest.mark.parametrize(
    ("root", "files", "expected"),
    [
        # Its project.json says what builds it, and where the output goes.
        (
            NX,
            {"project.json": nx_project("@nx/webpack:webpack", outputPath="dist/apps/shop")},
            ("node", "node dist/apps/shop/main.js", None),
        ),
        (
            NX,
            {"project.json": nx_project("@nx/esbuild:esbuild")},
            ("node", "node dist/apps/shop/main.js", None),
        ),
        (
            NX,
            {"project.json": nx_project("@nx/next:build"), "next.config.js": "x"},
            ("nextjs", f"next start dist/apps/shop {LISTEN}", None),
        ),
        (
            NX,
            {"project.json": '{"name": "shop"}', "next.config.mjs": "x"},
            ("nextjs", f"next start apps/shop {LISTEN}", None),
        ),
        (
            NX,
            {
                "project.json": nx_project("@nx/vite:build"),
                "vite.config.ts": "build: { outDir: '../../dist/apps/shop' }",
                "index.html": "",
            },
            ("vite", None, site("dist/apps/shop", "index.html")),
        ),
        (
            NX,
            {"project.json": nx_project("@angular/build:application", outputPath="dist/apps/shop")},
            ("angular", None, site("dist/apps/shop/browser", "index.html")),
        ),
        # Plugins infer the build from the configuration of another tool.
        (
            NX_PACKAGES,
            {"package.json": '{"name": "shop"}', "webpack.config.js": BY_WEBPACK},
            ("node", "node apps/shop/dist/main.js", None),
        ),
        (
            NX_PACKAGES,
            {
                "project.json": '{"name": "shop"}',
                "webpack.config.js": BY_WEBPACK.replace("'dist'", "'../../dist/apps/shop'"),
            },
            ("node", "node dist/apps/shop/main.js", None),
        ),
        (
            NX_PACKAGES,
            {
                "package.json": '{"name": "shop"}',
                "vite.config.ts": "build: { outDir: './dist' }",
                "index.html": "",
            },
            ("vite", None, site("apps/shop/dist", "index.html")),
        ),
        (
            NX_PACKAGES,
            {"project.json": '{"name": "shop"}', "astro.config.mjs": "export default {}"},
            ("astro", None, site("apps/shop/dist", None, "404.html")),
        ),
    ],
)
def test_nx_application_is_built_from_the_root(
    root: dict[str, str],
    files: dict[str, str],
    expected: tuple[str, str | None, StaticSite | None],
    root_dir: str,
) -> None:
    own = {f"apps/shop/{name}": text for name, text in files.items()}

    plan = plan_of({**root, **own}, root_dir=root_dir)

    assert expected == (plan.framework, web(plan), plan.static)
    assert "." == plan.directory
    assert ["npm ci --include=dev", "NX_DAEMON=false nx run shop:build"] == commands(plan)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**NPM, **API, **WEB}, r"apps/api \(express\), apps/web \(nextjs\).*root_dir"),
        ({**NPM, **CORE, **TYPES}, "no package of the workspace is an appl"),
        (
            {
                **NX,
                "apps/shop/project.json": nx_project("@nx/js:tsc"),
                "apps/api/project.json": nx_project("@nx/js:tsc"),
            },
            r"apps/api \(node\), apps/shop \(node\)",
        ),
        (
            {**NX_PACKAGES, "apps/api/project.json": '{"name": "api"}'},
            r"nx.json has the applications apps/api, but the",
        ),
        *(
            ({**VITE_SITE, other: "{}"}, r"may be an application in .*web. Set root_dir")
            for other in (
                "admin/package.json",
                "api/go.mod",
                "go.mod",
                "web/Procfile",
                "web/pushpaka.toml",
            )
        ),
    ],
)
def test_ambiguous_application_is_not_guessed(files: dict[str, str], message: str) -> None:
    with pytest.raises(DetectionError, match=message):
        plan_of(files)
