"""Tests frontends that are built into static files, and how the files are served."""

import json

import pytest
from tests.detection.plans import commands, node, plan_of, reasons, rejections, site

from pushpaka_core.domain.pipeline.build_plans import StaticSite
from pushpaka_core.errors import DetectionError

SERVED = "the site is served at the root"
INDEX = {"index.html": "<div id=root></div>"}
VITE = {"dev": "vite", "build": "vite build", "preview": "vite preview"}
PAGE = "index.html"


LEGACY = "NODE_OPTIONS=--openssl-legacy-provider npm run build"
AT_ROOT = "PUBLIC_URL=${PUBLIC_URL:-/} react-scripts build"
DEVKIT = "@angular-devkit/build-angular"


def angular(build: object) -> dict[str, str]:
    """Return an Angular project whose application has the build target *build*."""
    projects = {
        "ui": {"projectType": "library", "architect": {"build": {}}},
        "shop": {"projectType": "application", "architect": {"build": build}},
    }
    config = {"angular.json": f"// comment\n{json.dumps({'projects': projects})}"}
    return node("@angular/core@^17", config, start="ng serve")


def angular_of(build: str, *names: str) -> dict[str, str]:
    """Return an Angular project with *applications*, built by the script *build*."""
    target = {
        "builder": f"{DEVKIT}:browser",
        "configurations": {"production": {"outputPath": "www"}, "staging": {}},
    }
    projects = {name: {"architect": {"build": target}} for name in names}
    return node("@angular/core", {"angular.json": json.dumps({"projects": projects})}, build=build)


def vite(code: str, **fields: str) -> dict[str, str]:
    """Return a Vite project with pages at the root and in src, whose configuration is *code*."""
    files = {**INDEX, "src/index.html": "", "vite.config.ts": f"export default {{ {code} }}"}
    return node("vite", files, **fields)  # type: ignore[arg-type]  # scripts only


@pytest.mark.parametrize(
    ("files", "framework", "expected"),
    [
        (node("react vite@^7", INDEX, scripts=VITE), "vite", site("dist", PAGE)),
        (
            node(
                "vue vite",
                {"vite.config.ts": "export default { build: { outDir: 'public/app' } }", **INDEX},
                scripts=VITE,
            ),
            "vite",
            site("public/app", PAGE),
        ),
        (
            node(
                "vite",
                {
                    "vite.config.js": (
                        "// outDir: 'never'\nimport path from 'path'\n"
                        "export default { root: path.resolve(__dirname, 'src'),"
                        " build: { outDir: '../www' } }"
                    ),
                    "src/index.html": "",
                },
                scripts=VITE,
            ),
            "vite",
            site("www", PAGE),
        ),
        (
            node("vite", {"client/index.html": ""}, build="tsc && vite build client"),
            "vite",
            site("client/dist", PAGE),
        ),
        (node("vite", INDEX, build="vite build --outDir=build"), "vite", site("build", PAGE)),
        (
            node(
                "vite",
                {
                    "vite.config.js": (
                        "export default { build: { rollupOptions: { input: {"
                        " main: resolve(__dirname, 'index.html'), b: 'about/index.html' } } } }"
                    ),
                    **INDEX,
                },
                scripts=VITE,
            ),
            "vite",
            site("dist"),
        ),
        (node("react-scripts@5.0.1", start="react-scripts start"), "react", site("build", PAGE)),
        (
            node(
                "@vue/cli-service@~5.0.0 vue",
                {"vue.config.js": "module.exports = { outputDir: 'out' }"},
            ),
            "vue",
            site("out", PAGE),
        ),
        (node("gatsby@^5"), "gatsby", site("public")),
        (node("gatsby@^5", {"src/pages/404.js": ""}), "gatsby", site("public", None, "404.html")),
        (node("@11ty/eleventy"), "eleventy", site("_site")),
        (
            node(
                "@11ty/eleventy",
                {
                    ".eleventy.js": "module.exports = c => ({dir: {input: 'src', output: 'dist'}})",
                    "src/404.md": "",
                },
            ),
            "eleventy",
            site("dist", None, "404.html"),
        ),
        (
            node("@docusaurus/core@3.6.0", start="docusaurus start"),
            "docusaurus",
            site("build", None, "404.html"),
        ),
        (node("hexo"), "hexo", site("public")),
        (node("astro@^4", start="astro dev"), "astro", site("dist")),
        (
            node(
                "astro@^5",
                {
                    "astro.config.mjs": "export default defineConfig({ outDir: './www' })",
                    "src/pages/404.astro": "",
                },
            ),
            "astro",
            site("www", None, "404.html"),
        ),
        (
            node(
                "next@15",
                {"next.config.mjs": "const nextConfig = {\n  output: 'export',\n}"},
                build="next build",
            ),
            "nextjs",
            site("out", None, "404.html"),
        ),
        (
            node("next@13", build="next build && next export"),
            "nextjs",
            site("out", None, "404.html"),
        ),
        (node("nuxt@^3", build="nuxt generate"), "nuxt", site(".output/public", None, "404.html")),
        (
            node(
                "nuxt@^3",
                {"nuxt.config.ts": "export default defineNuxtConfig({ ssr: false })"},
                build="nuxi generate",
            ),
            "nuxt",
            site(".output/public", "200.html"),
        ),
        (
            node(
                "@react-router/dev@7 @react-router/node vite",
                {"react-router.config.ts": "export default { ssr: false } satisfies Config;"},
            ),
            "react-router",
            site("build/client", PAGE),
        ),
        (
            node(
                "@react-router/dev@7",
                {"react-router.config.ts": "export default { ssr: false, prerender: ['/'] }"},
            ),
            "react-router",
            site("build/client", "__spa-fallback.html"),
        ),
        (
            node(
                "@remix-run/dev @remix-run/react vite",
                {"vite.config.ts": "plugins: [remix({ ssr: false })]"},
            ),
            "remix",
            site("build/client", PAGE),
        ),
        (
            node(
                "@sveltejs/kit @sveltejs/adapter-static vite",
                {
                    "svelte.config.js": (
                        "import adapter from '@sveltejs/adapter-static';\n"
                        "export default { kit: { adapter: adapter({ fallback: '200.html' }) } };"
                    )
                },
            ),
            "sveltekit",
            site("build", "200.html"),
        ),
        (
            node(
                "@sveltejs/kit @sveltejs/adapter-static",
                {
                    "svelte.config.js": (
                        'import adapter from "@sveltejs/adapter-static";\n'
                        'export default { kit: { adapter: adapter({ pages: "www",'
                        ' fallback: "404.html" }) } };'
                    )
                },
            ),
            "sveltekit",
            site("www", None, "404.html"),
        ),
        (
            node(
                "vitepress",
                {"docs/.vitepress/config.mts": "export default {}"},
                scripts={"docs:build": "vitepress build docs"},
            ),
            "vitepress",
            site("docs/.vitepress/dist", None, "404.html"),
        ),
        (
            node(
                "vuepress",
                {"docs/.vuepress/config.js": "module.exports = { dest: 'public' }"},
                build="vuepress build docs",
            ),
            "vuepress",
            site("public", None, "404.html"),
        ),
        (node("ember-cli"), "ember", site("dist", PAGE)),
        (
            node("parcel", {"src/index.html": ""}, source="src/index.html"),
            "parcel",
            site("dist", PAGE),
        ),
        (
            node(
                "webpack@5 webpack-cli html-webpack-plugin",
                {
                    "webpack.config.js": (
                        "plugins: [new Dotenv({ path: './.env' })],\n"
                        "output: { filename: 'a.js', path: path.resolve(__dirname, 'public') }"
                    )
                },
            ),
            "webpack",
            site("public", PAGE),
        ),
        (node("@rsbuild/core"), "rsbuild", site("dist", PAGE)),
        (node("expo react-native-web", {"App.js": ""}), "expo", site("dist", PAGE)),
        *(
            (angular(build), "angular", site(directory, PAGE))
            for build, directory in (
                ({"builder": "@angular/build:application"}, "dist/shop/browser"),
                (
                    {"builder": f"{DEVKIT}:application", "options": {"outputPath": "www"}},
                    "www/browser",
                ),
                (
                    {
                        "builder": f"{DEVKIT}:application",
                        "options": {"outputPath": {"base": "www", "browser": ""}},
                    },
                    "www",
                ),
                (
                    {"builder": f"{DEVKIT}:browser", "options": {"outputPath": "dist/shop"}},
                    "dist/shop",
                ),
            )
        ),
        *(
            (angular_of(build, *names), "angular", site(directory, PAGE))
            for build, names, directory in (
                ("ng build", ["shop"], "www"),
                ("ng build -c staging", ["shop"], "dist/shop"),
                ("ng build --configuration=staging shop", ["shop"], "dist/shop"),
                ("ng build --output-path=docs", ["shop"], "docs"),
                ("ng build shop:staging -c staging", ["admin", "shop"], "dist/shop"),
                ("ng build --project shop -c staging", ["admin", "shop"], "dist/shop"),
            )
        ),
        *(
            (vite(code), "vite", site(directory, PAGE))
            for code, directory in (
                ("root: 'src', build: { outDir: resolve(__dirname, 'dist') }", "dist"),
                ("root: 'src', build: { outDir: path.join(__dirname, 'out', 'web') }", "out/web"),
                ("root: 'src', build: { outDir: 'dist' }", "src/dist"),
                ("root: 'src', build: { outDir: '../dist' }", "dist"),
                ("root: path.resolve('src'), build: { outDir: '../www' }", "www"),
                ("root: fileURLToPath(new URL('./src', import.meta.url))", "src/dist"),
            )
        ),
        *(
            (
                node("nuxt@^3", {"nuxt.config.ts": f"export default {{ {code} }}"}, build=build),
                "nuxt",
                site(".output/public", not_found="404.html"),
            )
            for build, code in (
                ("nuxt build", "nitro: { preset: 'static' }"),
                ("nuxt build", "nitro: { preset: 'github_pages' }"),
                ("nuxt build --preset github_pages", ""),
                ("NITRO_PRESET=static nuxt build", ""),
                ("nuxt build --preset=static", "nitro: { preset: 'vercel' }"),
            )
        ),
        *(
            (
                node(
                    "@react-router/dev",
                    {"react-router.config.ts": f"export default {{ ssr: false, {code} }}"},
                ),
                "react-router",
                site(f"{directory}/client", fallback),
            )
            for code, directory, fallback in (
                ("", "build", PAGE),
                ("buildDirectory: 'dist'", "dist", PAGE),
                ("prerender: ['/about']", "build", PAGE),
                ("prerender: ['/', '/about']", "build", "__spa-fallback.html"),
                ("prerender: true", "build", "__spa-fallback.html"),
                ("async prerender() { return paths }", "build", "__spa-fallback.html"),
            )
        ),
        (
            node("react-scripts", build="BUILD_PATH='./www' react-scripts build"),
            "react",
            site("www", PAGE),
        ),
        (
            node(
                "astro@^4.16.0 @astrojs/node",
                {
                    "astro.config.mjs": (
                        "import n from '@astrojs/node'\nexport default { adapter: n({}) }"
                    )
                },
            ),
            "astro",
            site("dist"),
        ),
        (
            node("vite", INDEX, scripts={**VITE, "server": "node mock.js"}),
            "vite",
            site("dist", PAGE),
        ),
    ],
)
def test_output_directory_of_the_tool_is_detected(
    files: dict[str, str], framework: str, expected: StaticSite
) -> None:
    """The directory comes from flags, from the configuration, or from the defaults of the tool."""
    plan = plan_of(files)

    assert (framework, expected) == (plan.framework, plan.static)
    assert ("node", {}) == (plan.language, plan.processes)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (node("vite", INDEX, scripts=VITE), "npm run build"),
        (node("vite", INDEX), "vite build"),
        (node("vite", INDEX, packageManager="yarn@4.5.0"), "yarn vite build"),
        (node("gatsby", scripts={"heroku-postbuild": "gatsby b"}), "npm run heroku-postbuild"),
        (
            node(
                "vitepress",
                {"docs/.vitepress/config.js": ""},
                scripts={"docs:build": "vitepress build docs"},
            ),
            "npm run docs:build",
        ),
        (angular({"builder": "@angular/build:application"}), "ng build"),
        # Bundlers older than OpenSSL 3 need an option that an old Node.js would not know.
        (node("react-scripts@4.0.3", build="x"), LEGACY),
        (node("react-scripts@4.0.3", build="x", engines={"node": "16"}), "npm run build"),
        (node("react-scripts@5.0.1", build="x"), "npm run build"),
        (node("@vue/cli-service@~4.5.0", build="x", engines={"node": "20"}), LEGACY),
        # A homepage with a path would break the address of every file.
        (node("react-scripts@5", homepage="https://ann.github.io/shop"), AT_ROOT),
        (node("react-scripts@5", homepage="/shop"), AT_ROOT),
        (node("react-scripts@5", homepage="https://shop.example"), "react-scripts build"),
        (node("react-scripts@5", homepage="."), "react-scripts build"),
        # A base that works at the root is kept.
        (vite("base: '/'", build="vite build"), "npm run build"),
        (vite("base: './'", build="vite build"), "npm run build"),
        (vite("base: 'https://cdn.example/x/'", build="vite build"), "npm run build"),
        # The build alone makes no pages.
        (
            node(
                "nuxt@^2",
                {"nuxt.config.js": "export default { target: 'static' }"},
                build="nuxt build",
            ),
            "nuxt generate",
        ),
    ],
)
def test_last_build_command_is_detected(files: dict[str, str], expected: str) -> None:
    assert expected == commands(plan_of(files))[-1]


@pytest.mark.parametrize(
    ("build", "command", "consequence"),
    [
        ("tsc -b && vite build", "npm run build -- --base=/", "the build runs with --base=/"),
        (None, "vite build --base=/", "the build runs with --base=/"),
        ("vite build && cp a dist", "npm run build", "set base to / so that scripts are found"),
    ],
)
@pytest.mark.parametrize("value", ["'/repo/'", "process.env.CI ? '/repo/' : '/'"])
def test_vite_builds_for_the_root(
    value: str, build: str | None, command: str, consequence: str
) -> None:
    """Sites are served at the root, so another base path would break the URLs of the scripts."""
    plan = plan_of(vite(f"base: {value}, plugins: []", **({"build": build} if build else {})))

    assert command == commands(plan)[-1]
    assert any(f"base is /repo/, but {SERVED}: {consequence}" in reason for reason in reasons(plan))


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        ("react-scripts start", "development server"),
        ("PORT=3001 react-app-rewired start", "development server"),
        ("cross-env BROWSER=none npx react-scripts start", "development server"),
        ("npm run dev", "development server"),
        ("npm-run-all -p watch serve", "task runner"),
    ],
)
def test_development_server_is_rejected(start: str, kind: str) -> None:
    plan = plan_of(node("react-scripts@5", scripts={"start": start, "dev": "vite --port 3000"}))

    assert site("build", PAGE) == plan.static
    assert f"is a {kind}, which is not suitable for production" in rejections(plan)["start script"]


@pytest.mark.parametrize(
    ("files", "expected", "language"),
    [
        (node(start="serve -s dist -l 5000"), site("dist", PAGE), "static"),
        (node(start="npx http-server -p 80 ./www"), site("www"), "static"),
        (node("", {"public/index.html": ""}, start="http-server"), site("public"), "static"),
        (node("", {**INDEX, "app.js": "document.title = 'x'"}, main="app.js"), site("."), "static"),
        (
            node("rollup", start="sirv public --single", build="rollup -c"),
            site("public", PAGE),
            "node",
        ),
        (
            node(
                "@tailwindcss/cli",
                {"index.html": "", "404.html": ""},
                build="tailwindcss -i a.css -o out.css",
            ),
            site(".", None, "404.html"),
            "node",
        ),
    ],
)
def test_pages_next_to_a_package_json_are_served(
    files: dict[str, str], expected: StaticSite, language: str
) -> None:
    """A package manager is used only if a script builds something."""
    plan = plan_of(files)

    assert ("static", language, expected) == (plan.framework, plan.language, plan.static)
    assert (language == "node") == bool(commands(plan))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            angular_of("ng build", "shop", "admin"),
            r"applications admin, shop, and.*`ng build admin`",
        ),
        (
            node("vite laravel-vite-plugin", {"index.php": ""}, scripts=VITE),
            r"PHP is supported.*no supported framework",
        ),
        (
            vite("build: { lib: { entry: 'a.ts' } }", build="vite build"),
            "whose output directory is unknown",
        ),
        (
            node("nuxt", build="nuxt build --preset aws_lambda"),
            r"package.json sets the preset aws-lambda",
        ),
    ],
)
def test_project_without_a_known_output_is_refused(files: dict[str, str], message: str) -> None:
    with pytest.raises(DetectionError, match=message):
        plan_of(files)


def test_chosen_framework_can_be_built_with_any_tool() -> None:
    """React and Storybook, for example, can both be built with Vite."""
    react = plan_of(node("vite express", INDEX), framework="react")
    storybook = plan_of(node("vite storybook", INDEX), framework="storybook")

    assert ("vite", site("storybook-static")) == (react.framework, storybook.static)
