"""Front ends that a build turns into files, and how these are served."""

import json

import pytest
from tests.detection.node_trees import commands, package, passed_over, plan_of, reasons, web

from pushpaka_core.domain.build_plans import StaticSite
from pushpaka_core.errors import DetectionError

SERVED = "the site is served at the root"
INDEX = {"index.html": "<div id=root></div>"}
VITE = {"dev": "vite", "build": "vite build", "preview": "vite preview"}
PAGE = "index.html"


def site(directory: str, fallback: str | None = None, not_found: str | None = None) -> StaticSite:
    return StaticSite(directory=directory, fallback=fallback, not_found=not_found)


@pytest.mark.parametrize(
    ("files", "framework", "expected"),
    [
        (
            {"package.json": package("react", "vite@^7", scripts=VITE), **INDEX},
            "vite",
            site("dist", PAGE),
        ),
        (
            {
                "package.json": package("vue", "vite", scripts=VITE),
                "vite.config.ts": "export default { build: { outDir: 'public/app' } }",
                **INDEX,
            },
            "vite",
            site("public/app", PAGE),
        ),
        (
            {
                "package.json": package("vite", scripts=VITE),
                "vite.config.js": (
                    "// outDir: 'never'\nimport path from 'path'\n"
                    "export default { root: path.resolve(__dirname, 'src'),"
                    " build: { outDir: '../www' } }"
                ),
                "src/index.html": "",
            },
            "vite",
            site("www", PAGE),
        ),
        (
            {
                "package.json": package("vite", scripts={"build": "tsc && vite build client"}),
                "client/index.html": "",
            },
            "vite",
            site("client/dist", PAGE),
        ),
        (
            {
                "package.json": package("vite", scripts={"build": "vite build --outDir=build"}),
                **INDEX,
            },
            "vite",
            site("build", PAGE),
        ),
        (
            {
                "package.json": package("vite", scripts=VITE),
                "vite.config.js": (
                    "export default { build: { rollupOptions: { input: {"
                    " main: resolve(__dirname, 'index.html'), b: 'about/index.html' } } } }"
                ),
                **INDEX,
            },
            "vite",
            site("dist"),
        ),
        (
            {
                "package.json": package(
                    "react-scripts@5.0.1", scripts={"start": "react-scripts start"}
                )
            },
            "react",
            site("build", PAGE),
        ),
        (
            {
                "package.json": package("@vue/cli-service@~5.0.0", "vue"),
                "vue.config.js": "module.exports = { outputDir: 'out' }",
            },
            "vue",
            site("out", PAGE),
        ),
        ({"package.json": package("gatsby@^5")}, "gatsby", site("public")),
        (
            {"package.json": package("gatsby@^5"), "src/pages/404.js": ""},
            "gatsby",
            site("public", None, "404.html"),
        ),
        ({"package.json": package("@11ty/eleventy")}, "eleventy", site("_site")),
        (
            {
                "package.json": package("@11ty/eleventy"),
                ".eleventy.js": "module.exports = c => ({ dir: { input: 'src', output: 'dist' } })",
                "src/404.md": "",
            },
            "eleventy",
            site("dist", None, "404.html"),
        ),
        (
            {
                "package.json": package(
                    "@docusaurus/core@3.6.0", scripts={"start": "docusaurus start"}
                )
            },
            "docusaurus",
            site("build", None, "404.html"),
        ),
        ({"package.json": package("hexo")}, "hexo", site("public")),
        (
            {"package.json": package("astro@^4", scripts={"start": "astro dev"})},
            "astro",
            site("dist"),
        ),
        (
            {
                "package.json": package("astro@^5"),
                "astro.config.mjs": "export default defineConfig({ outDir: './www' })",
                "src/pages/404.astro": "",
            },
            "astro",
            site("www", None, "404.html"),
        ),
        (
            {
                "package.json": package("next@15", scripts={"build": "next build"}),
                "next.config.mjs": "const nextConfig = {\n  output: 'export',\n}",
            },
            "nextjs",
            site("out", None, "404.html"),
        ),
        (
            {"package.json": package("next@13", scripts={"build": "next build && next export"})},
            "nextjs",
            site("out", None, "404.html"),
        ),
        (
            {"package.json": package("nuxt@^3", scripts={"build": "nuxt generate"})},
            "nuxt",
            site(".output/public", None, "404.html"),
        ),
        (
            {
                "package.json": package("nuxt@^3", scripts={"build": "nuxi generate"}),
                "nuxt.config.ts": "export default defineNuxtConfig({ ssr: false })",
            },
            "nuxt",
            site(".output/public", "200.html"),
        ),
        (
            {
                "package.json": package("@react-router/dev@7", "@react-router/node", "vite"),
                "react-router.config.ts": "export default { ssr: false } satisfies Config;",
            },
            "react-router",
            site("build/client", PAGE),
        ),
        (
            {
                "package.json": package("@react-router/dev@7"),
                "react-router.config.ts": "export default { ssr: false, prerender: ['/'] }",
            },
            "react-router",
            site("build/client", "__spa-fallback.html"),
        ),
        (
            {
                "package.json": package("@remix-run/dev", "@remix-run/react", "vite"),
                "vite.config.ts": "plugins: [remix({ ssr: false })]",
            },
            "remix",
            site("build/client", PAGE),
        ),
        (
            {
                "package.json": package("@sveltejs/kit", "@sveltejs/adapter-static", "vite"),
                "svelte.config.js": (
                    "import adapter from '@sveltejs/adapter-static';\n"
                    "export default { kit: { adapter: adapter({ fallback: '200.html' }) } };"
                ),
            },
            "sveltekit",
            site("build", "200.html"),
        ),
        (
            {
                "package.json": package("@sveltejs/kit", "@sveltejs/adapter-static"),
                "svelte.config.js": (
                    'import adapter from "@sveltejs/adapter-static";\n'
                    'export default { kit: { adapter: adapter({ pages: "www",'
                    ' fallback: "404.html" }) } };'
                ),
            },
            "sveltekit",
            site("www", None, "404.html"),
        ),
        (
            {
                "package.json": package(
                    "vitepress", scripts={"docs:build": "vitepress build docs"}
                ),
                "docs/.vitepress/config.mts": "export default {}",
            },
            "vitepress",
            site("docs/.vitepress/dist", None, "404.html"),
        ),
        (
            {
                "package.json": package("vuepress", scripts={"build": "vuepress build docs"}),
                "docs/.vuepress/config.js": "module.exports = { dest: 'public' }",
            },
            "vuepress",
            site("public", None, "404.html"),
        ),
        ({"package.json": package("ember-cli")}, "ember", site("dist", PAGE)),
        (
            {"package.json": package("parcel", source="src/index.html"), "src/index.html": ""},
            "parcel",
            site("dist", PAGE),
        ),
        (
            {
                "package.json": package("webpack@5", "webpack-cli", "html-webpack-plugin"),
                "webpack.config.js": (
                    "plugins: [new Dotenv({ path: './.env' })],\n"
                    "output: { filename: 'a.js', path: path.resolve(__dirname, 'public') }"
                ),
            },
            "webpack",
            site("public", PAGE),
        ),
        ({"package.json": package("@rsbuild/core")}, "rsbuild", site("dist", PAGE)),
        (
            {"package.json": package("expo", "react-native-web"), "App.js": ""},
            "expo",
            site("dist", PAGE),
        ),
    ],
)
def test_files_are_found_where_the_tool_puts_them(
    files: dict[str, str], framework: str, expected: StaticSite
) -> None:
    """The directory comes from flags, from the configuration, or is the tool's own."""
    plan = plan_of(files)

    assert (framework, expected) == (plan.framework, plan.static)
    assert ("node", {}) == (plan.language, plan.processes)


@pytest.mark.parametrize(
    ("build", "directory"),
    [
        ({"builder": "@angular/build:application"}, "dist/shop/browser"),
        (
            {
                "builder": "@angular-devkit/build-angular:application",
                "options": {"outputPath": "www"},
            },
            "www/browser",
        ),
        (
            {
                "builder": "@angular-devkit/build-angular:application",
                "options": {"outputPath": {"base": "www", "browser": ""}},
            },
            "www",
        ),
        (
            {
                "builder": "@angular-devkit/build-angular:browser",
                "options": {"outputPath": "dist/shop"},
            },
            "dist/shop",
        ),
    ],
)
def test_angular_says_where_its_application_goes(build: object, directory: str) -> None:
    """The form of angular.json has changed over the years."""
    projects = {
        "ui": {"projectType": "library", "architect": {"build": {}}},
        "shop": {"projectType": "application", "architect": {"build": build}},
    }
    files = {
        "package.json": package("@angular/core@^17", scripts={"start": "ng serve"}),
        "angular.json": f"// comment\n{json.dumps({'projects': projects})}",
    }

    plan = plan_of(files)

    assert site(directory, PAGE) == plan.static
    assert ["npm install --include=dev", "ng build"] == commands(plan)


def angular_of(build: str, *names: str, **more: object) -> dict[str, str]:
    """Return a repository with applications of these names, built by the script *build*."""
    target = {
        "builder": "@angular-devkit/build-angular:browser",
        "configurations": {"production": {"outputPath": "www"}, "staging": {}},
        **more,
    }
    projects = {name: {"architect": {"build": target}} for name in names}
    return {
        "package.json": package("@angular/core", scripts={"build": build}),
        "angular.json": json.dumps({"projects": projects}),
    }


@pytest.mark.parametrize(
    ("build", "names", "directory"),
    [
        ("ng build", ("shop",), "www"),
        ("ng build -c staging", ("shop",), "dist/shop"),
        ("ng build --configuration=staging shop", ("shop",), "dist/shop"),
        ("ng build --output-path=docs", ("shop",), "docs"),
        ("ng build shop:staging -c staging", ("admin", "shop"), "dist/shop"),
        ("ng build --project shop -c staging", ("admin", "shop"), "dist/shop"),
    ],
)
def test_angular_is_built_as_its_script_says(
    build: str, names: tuple[str, ...], directory: str
) -> None:
    """It may name the application, the configuration, and where the files go."""
    assert site(directory, PAGE) == plan_of(angular_of(build, *names)).static


def test_which_application_of_angular_is_meant_is_not_guessed() -> None:
    """Angular does not know either."""
    with pytest.raises(DetectionError, match=r"applications admin, shop, and.*`ng build admin`"):
        plan_of(angular_of("ng build", "shop", "admin"))


def test_build_script_is_run_where_there_is_one() -> None:
    """Else the tool is called, by its name, with the package manager's help where it needs it."""
    script = plan_of({**INDEX, "package.json": package("vite", scripts=VITE)})
    tool = plan_of({**INDEX, "package.json": package("vite")})
    berry = plan_of({**INDEX, "package.json": package("vite", packageManager="yarn@4.5.0")})
    heroku = plan_of({"package.json": package("gatsby", scripts={"heroku-postbuild": "gatsby b"})})

    last = [commands(plan)[-1] for plan in (script, tool, berry, heroku)]
    assert ["npm run build", "vite build", "yarn vite build", "npm run heroku-postbuild"] == last


def test_documentation_script_builds_documentation() -> None:
    """VitePress has a name of its own for it."""
    files = {
        "package.json": package("vitepress", scripts={"docs:build": "vitepress build docs"}),
        "docs/.vitepress/config.js": "",
    }

    assert "npm run docs:build" == commands(plan_of(files))[-1]


@pytest.mark.parametrize(
    ("dependency", "node", "command"),
    [
        ("react-scripts@4.0.3", None, "NODE_OPTIONS=--openssl-legacy-provider npm run build"),
        ("react-scripts@4.0.3", "16", "npm run build"),
        ("react-scripts@5.0.1", None, "npm run build"),
        ("@vue/cli-service@~4.5.0", "20", "NODE_OPTIONS=--openssl-legacy-provider npm run build"),
    ],
)
def test_old_bundlers_still_build(dependency: str, node: str | None, command: str) -> None:
    """Those of the time before OpenSSL 3 need a word, which an old Node.js would not know."""
    engines = {"engines": {"node": node}} if node else {}

    plan = plan_of({"package.json": package(dependency, scripts={"build": "x"}, **engines)})

    assert command == commands(plan)[-1]


@pytest.mark.parametrize(
    ("homepage", "command"),
    [
        ("https://ann.github.io/shop", "PUBLIC_URL=${PUBLIC_URL:-/} react-scripts build"),
        ("/shop", "PUBLIC_URL=${PUBLIC_URL:-/} react-scripts build"),
        ("https://shop.example", "react-scripts build"),
        (".", "react-scripts build"),
    ],
)
def test_site_that_was_elsewhere_is_built_for_the_root(homepage: str, command: str) -> None:
    """A homepage with a path would make every file of the site be looked for in vain."""
    plan = plan_of({"package.json": package("react-scripts@5", homepage=homepage)})

    assert command == commands(plan)[-1]


def test_mock_server_of_a_front_end_is_not_the_application() -> None:
    """A script that may be for development counts only where a server is made with something."""
    scripts = {**VITE, "server": "node mock.js"}

    front = plan_of({**INDEX, "package.json": package("vite", scripts=scripts)})
    whole = plan_of({**INDEX, "package.json": package("vite", "express", scripts=scripts)})

    assert site("dist", PAGE) == front.static
    assert "npm run server" == whole.processes["web"].command


def test_script_of_a_page_is_not_a_program() -> None:
    """What npm calls main may be for browsers."""
    manifest = {"package.json": package(main="app.js"), "index.html": "<script src=app.js>"}

    page = plan_of({**manifest, "app.js": "document.title = 'x'"})
    program = plan_of({**manifest, "app.js": "http.createServer(f).listen(process.env.PORT)"})

    assert site(".") == page.static
    assert "node app.js" == program.processes["web"].command


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        ("react-scripts start", "development server"),
        ("PORT=3001 react-app-rewired start", "development server"),
        ("cross-env BROWSER=none npx react-scripts start", "development server"),
        ("npm run dev", "development server"),
        ("npm-run-all -p watch serve", "runner of many programs"),
    ],
)
def test_development_server_is_not_for_visitors(start: str, kind: str) -> None:
    """Files are served by ours, and it is said what was not started."""
    scripts = {"start": start, "dev": "vite --port 3000"}

    plan = plan_of({"package.json": package("react-scripts@5", scripts=scripts)})

    assert site("build", PAGE) == plan.static
    assert f"is a {kind}, which is not for visitors" in passed_over(plan)["script start"]


@pytest.mark.parametrize(
    ("files", "expected", "is_built"),
    [
        (
            {"package.json": package(scripts={"start": "serve -s dist -l 5000"})},
            site("dist", PAGE),
            0,
        ),
        (
            {"package.json": package(scripts={"start": "npx http-server -p 80 ./www"})},
            site("www"),
            0,
        ),
        (
            {"package.json": package(scripts={"start": "http-server"}), "public/index.html": ""},
            site("public"),
            0,
        ),
        (
            {
                "package.json": package(
                    "rollup", scripts={"start": "sirv public --single", "build": "rollup -c"}
                )
            },
            site("public", PAGE),
            1,
        ),
        (
            {
                "package.json": package(
                    "@tailwindcss/cli", scripts={"build": "tailwindcss -i a.css -o out.css"}
                ),
                "index.html": "",
                "404.html": "",
            },
            site(".", None, "404.html"),
            1,
        ),
    ],
)
def test_pages_beside_a_manifest_are_served(
    files: dict[str, str], expected: StaticSite, is_built: int
) -> None:
    """Who starts a file server, or builds styles for pages, has a site; npm only where needed."""
    plan = plan_of(files)

    assert ("static", expected) == (plan.framework, plan.static)
    assert ("node" if is_built else "static") == plan.language
    assert bool(is_built) == bool(commands(plan))


def test_vite_that_makes_no_page_is_no_site() -> None:
    """A library, or the assets of another framework, has no index.html."""
    files = {"package.json": package("vite", "laravel-vite-plugin", scripts=VITE), "index.php": ""}
    library = {
        **INDEX,
        "package.json": package("vite", scripts=VITE),
        "vite.config.ts": "build: { lib: { entry: 'a.ts' } }",
    }

    with pytest.raises(DetectionError, match=r"PHP is known.*no framework that is known here"):
        plan_of(files)
    with pytest.raises(DetectionError, match="where that writes to is not known"):
        plan_of(library)


def test_chosen_family_takes_what_is_listed() -> None:
    """Who says React may mean any tool that builds it."""
    vite = plan_of({**INDEX, "package.json": package("vite", "express")}, framework="react")
    storybook = plan_of(
        {**INDEX, "package.json": package("vite", "storybook")}, framework="storybook"
    )

    assert "vite" == vite.framework
    assert site("storybook-static") == storybook.static


@pytest.mark.parametrize(
    ("code", "directory"),
    [
        ("root: 'src', build: { outDir: resolve(__dirname, 'dist') }", "dist"),
        ("root: 'src', build: { outDir: path.join(__dirname, 'out', 'web') }", "out/web"),
        ("root: 'src', build: { outDir: 'dist' }", "src/dist"),
        ("root: 'src', build: { outDir: '../dist' }", "dist"),
        ("root: path.resolve('src'), build: { outDir: '../www' }", "www"),
        ("root: fileURLToPath(new URL('./src', import.meta.url))", "src/dist"),
    ],
)
def test_vite_writes_where_its_configuration_says(code: str, directory: str) -> None:
    """A plain path starts from its root, another one from the configuration itself."""
    files = {
        "package.json": package("vite"),
        "vite.config.ts": f"export default {{ {code} }}",
        "src/index.html": "",
    }

    assert site(directory, PAGE) == plan_of(files).static


@pytest.mark.parametrize(
    ("scripts", "command", "told"),
    [
        ({"build": "tsc -b && vite build"}, "npm run build -- --base=/", "the build is told so"),
        ({}, "vite build --base=/", "the build is told so"),
        ({"build": "vite build && cp a dist"}, "npm run build", "set base to / for its scripts"),
    ],
)
@pytest.mark.parametrize("value", ["'/repo/'", "process.env.CI ? '/repo/' : '/'"])
def test_vite_builds_for_the_root(
    value: str, scripts: dict[str, str], command: str, told: str
) -> None:
    """What was made for a path of another host would ask for its scripts there."""
    files = {
        **INDEX,
        "package.json": package("vite", scripts=scripts),
        "vite.config.ts": f"export default {{ base: {value}, plugins: [] }}",
    }

    plan = plan_of(files)

    assert command == commands(plan)[-1]
    assert any(f"base is /repo/, but {SERVED}: {told}" in reason for reason in reasons(plan))


@pytest.mark.parametrize("base", ["'/'", "'./'", "'https://cdn.example/x/'"])
def test_base_that_serves_at_the_root_is_kept(base: str) -> None:
    """Its scripts are found."""
    files = {
        **INDEX,
        "package.json": package("vite", scripts=VITE),
        "vite.config.ts": f"export default {{ base: {base} }}",
    }

    assert "npm run build" == commands(plan_of(files))[-1]


@pytest.mark.parametrize(
    ("build", "code"),
    [
        ("nuxt build", "nitro: { preset: 'static' }"),
        ("nuxt build", "nitro: { preset: 'github_pages' }"),
        ("nuxt build --preset github_pages", ""),
        ("NITRO_PRESET=static nuxt build", ""),
        ("nuxt build --preset=static", "nitro: { preset: 'vercel' }"),
    ],
)
def test_nuxt_that_is_built_to_files_is_served_as_files(build: str, code: str) -> None:
    """Such a preset makes no server."""
    files = {
        "package.json": package("nuxt@^3", scripts={"build": build}),
        "nuxt.config.ts": f"export default defineNuxtConfig({{ {code} }})",
    }

    assert site(".output/public", not_found="404.html") == plan_of(files).static


def test_nuxt_for_another_host_is_told_by_its_script() -> None:
    """The flag of the build is for that host as well."""
    files = {"package.json": package("nuxt", scripts={"build": "nuxt build --preset aws_lambda"})}

    with pytest.raises(DetectionError, match=r"package.json sets the preset aws-lambda"):
        plan_of(files)


def test_output_of_nuxt_is_where_its_configuration_says() -> None:
    """Nitro may be told another directory."""
    files = {
        "package.json": package("nuxt@^3"),
        "nuxt.config.ts": "nitro: { output: { dir: 'build' } }",
    }

    assert "node build/server/index.mjs" == web(plan_of(files))


def test_old_nuxt_generates_what_is_static() -> None:
    """Its build alone makes no pages."""
    files = {
        "package.json": package("nuxt@^2", scripts={"build": "nuxt build"}),
        "nuxt.config.js": "export default { target: 'static' }",
    }

    assert ["npm run build", "nuxt generate"] == commands(plan_of(files))[1:]


@pytest.mark.parametrize(
    ("code", "directory", "fallback"),
    [
        ("ssr: false", "build", PAGE),
        ("ssr: false, buildDirectory: 'dist'", "dist", PAGE),
        ("ssr: false, prerender: ['/about']", "build", PAGE),
        ("ssr: false, prerender: ['/', '/about']", "build", "__spa-fallback.html"),
        ("ssr: false, prerender: true", "build", "__spa-fallback.html"),
        ("ssr: false, async prerender() { return paths }", "build", "__spa-fallback.html"),
    ],
)
def test_single_page_of_react_router_is_where_it_is_built(
    code: str, directory: str, fallback: str
) -> None:
    """The fallback has another name where the index is a page of its own."""
    files = {
        "package.json": package("@react-router/dev"),
        "react-router.config.ts": f"export default {{ {code} }}",
    }

    assert site(f"{directory}/client", fallback) == plan_of(files).static


def test_server_of_react_router_is_where_it_is_built() -> None:
    """The directory of the build counts for it as well."""
    files = {
        "package.json": package("@react-router/dev", "@react-router/serve"),
        "react-router.config.ts": "export default { buildDirectory: 'dist' }",
    }

    assert "react-router-serve ./dist/server/index.js" == web(plan_of(files))


def test_create_react_app_writes_where_its_script_says() -> None:
    """A variable names another directory."""
    scripts = {"build": "BUILD_PATH='./www' react-scripts build"}

    plan = plan_of({"package.json": package("react-scripts", scripts=scripts)})

    assert site("www", PAGE) == plan.static


@pytest.mark.parametrize(
    ("version", "expected"),
    [("^5.1.0", None), ("^4.16.0", site("dist"))],
)
def test_adapter_of_astro_makes_a_server(version: str, expected: StaticSite | None) -> None:
    """Since Astro 5 it does so even where all pages are rendered before."""
    files = {
        "package.json": package(f"astro@{version}", "@astrojs/node"),
        "astro.config.mjs": "import n from '@astrojs/node'\nexport default { adapter: n({}) }",
    }

    assert expected == plan_of(files).static
