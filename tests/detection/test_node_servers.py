"""Node.js programs: frameworks that render on a server, and servers of a project's own."""

import pytest
from tests.detection.node_trees import commands, package, passed_over, plan_of, reasons, web

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.errors import DetectionError

NITRO = "node .output/server/index.mjs"
PROXY = (
    "PROTOCOL_HEADER=${PROTOCOL_HEADER:-x-forwarded-proto}"
    " HOST_HEADER=${HOST_HEADER:-x-forwarded-host}"
)
SVELTE = "import adapter from '{}';\nexport default {{ kit: {{ adapter: adapter({}) }} }};"
ASTRO = "import a from '{}';\nexport default {{ output: '{}', adapter: a({{ mode: '{}' }}) }};"
LISTENS = "require('http').createServer(answer).listen(process.env.PORT)"
NEXT = {"dev": "next dev", "build": "next build", "start": "next start"}


@pytest.mark.parametrize(
    ("files", "framework", "command"),
    [
        (
            {"package.json": package("next@15", "react", scripts=NEXT)},
            "nextjs",
            "next start -p $PORT -H ${HOST:-0.0.0.0}",
        ),
        (
            {"package.json": package("next@15", scripts={**NEXT, "start": "next start -p 4000"})},
            "nextjs",
            "next start -p $PORT -H ${HOST:-0.0.0.0}",
        ),
        (
            {"package.json": package("next@15", scripts={**NEXT, "start": "node server.js"})},
            "nextjs",
            "npm run start",
        ),
        (
            {"package.json": package("next", packageManager="yarn@4.1.0")},
            "nextjs",
            "yarn next start -p $PORT -H ${HOST:-0.0.0.0}",
        ),
        (
            {
                "package.json": package("next@15", scripts=NEXT),
                "next.config.ts": "const c: NextConfig = { output: 'standalone' }",
            },
            "nextjs",
            "HOSTNAME=${HOST:-0.0.0.0} node .next/standalone/server.js",
        ),
        ({"package.json": package("nuxt@^3", scripts={"build": "nuxt build"})}, "nuxt", NITRO),
        (
            {"package.json": package("nuxt@^3", scripts={"start": "nuxt preview"})},
            "nuxt",
            NITRO,
        ),
        (
            {"package.json": package("nuxt@^2", scripts={"start": "nuxt start"})},
            "nuxt",
            "nuxt start",
        ),
        (
            {
                "package.json": package(
                    "@remix-run/react", "@remix-run/serve", scripts={"start": "remix-serve build"}
                )
            },
            "remix",
            "npm run start",
        ),
        (
            {"package.json": package("@remix-run/dev"), "vite.config.ts": "plugins: [remix()]"},
            "remix",
            "remix-serve ./build/server/index.js",
        ),
        (
            {"package.json": package("@react-router/dev@7", "@react-router/serve", "vite")},
            "react-router",
            "react-router-serve ./build/server/index.js",
        ),
        (
            {"package.json": package("@react-router/dev@7", scripts={"start": "node server.js"})},
            "react-router",
            "npm run start",
        ),
        (
            {
                "package.json": package("@sveltejs/kit", "@sveltejs/adapter-node"),
                "svelte.config.js": SVELTE.format("@sveltejs/adapter-node", ""),
            },
            "sveltekit",
            f"{PROXY} node build",
        ),
        (
            {
                "package.json": package("@sveltejs/kit", scripts={"start": "node app"}),
                "svelte.config.js": SVELTE.format("@sveltejs/adapter-node", "{ out: 'app' }"),
            },
            "sveltekit",
            f"{PROXY} node app",
        ),
        (
            {
                "package.json": package("astro@^5", "@astrojs/node"),
                "astro.config.mjs": ASTRO.format("@astrojs/node", "server", "standalone"),
            },
            "astro",
            "node dist/server/entry.mjs",
        ),
        (
            {
                "package.json": package("astro@^5", scripts={"start": "astro dev"}),
                "astro.config.mjs": ASTRO.format("@astrojs/node", "static", "standalone"),
                "src/pages/api/time.ts": "export const prerender = false;",
            },
            "astro",
            "node dist/server/entry.mjs",
        ),
        (
            {
                "package.json": package("astro@^4", scripts={"start": "node run-server.mjs"}),
                "astro.config.mjs": ASTRO.format("@astrojs/node", "hybrid", "middleware"),
            },
            "astro",
            "npm run start",
        ),
        (
            {
                "package.json": package("@tanstack/react-start", "vite", "nitro"),
                "vite.config.ts": "plugins: [tanstackStart(), nitro()]",
            },
            "tanstack-start",
            NITRO,
        ),
        (
            {"package.json": package("@tanstack/start", "vinxi", scripts={"start": "vinxi start"})},
            "tanstack-start",
            NITRO,
        ),
        ({"package.json": package("@solidjs/start", "vinxi")}, "solid-start", NITRO),
        (
            {
                "package.json": package("@builder.io/qwik-city", "vite"),
                "adapters/express/vite.config.ts": "",
            },
            "qwik",
            "node server/entry.express",
        ),
        (
            {
                "package.json": package(
                    "@nestjs/core", scripts={"start": "nest start", "start:prod": "node dist/main"}
                )
            },
            "nestjs",
            "npm run start:prod",
        ),
        ({"package.json": package("@nestjs/core")}, "nestjs", "node dist/main"),
        (
            {
                "package.json": package("@nestjs/core", scripts={"start": "nest start"}),
                "nest-cli.json": '{"monorepo": true, "root": "apps/api"}',
            },
            "nestjs",
            "node dist/apps/api/main",
        ),
        (
            {
                "package.json": package("@angular/core@19", scripts={"start": "ng serve"}),
                "angular.json": (
                    '{"projects": {"shop": {"architect": {"build": {"builder":'
                    ' "@angular-devkit/build-angular:application", "options":'
                    ' {"outputPath": "dist/shop", "ssr": {"entry": "src/server.ts"}}}}}}}'
                ),
            },
            "angular",
            "node dist/shop/server/server.mjs",
        ),
        (
            {"package.json": package("express", scripts={"start": "node server.js"})},
            "express",
            "npm run start",
        ),
        (
            {"package.json": package("fastify", scripts={"start": "fastify start -l info app.js"})},
            "fastify",
            "npm run start",
        ),
        (
            {
                "package.json": package("hono", scripts={"start": "tsx src/index.ts"}),
                "pnpm-lock.yaml": "",
            },
            "hono",
            "pnpm run start",
        ),
        (
            {"package.json": package("koa", scripts={"start": "NODE_ENV=production node ."})},
            "koa",
            "npm run start",
        ),
        (
            {
                "package.json": package(
                    "express", "vite", scripts={"build": "vite build", "start": "node server"}
                ),
                "index.html": "",
            },
            "vite",
            "npm run start",
        ),
        (
            {
                "package.json": package("elysia", main="src/index.ts"),
                "src/index.ts": "",
                "bun.lock": "",
            },
            "elysia",
            "bun src/index.ts",
        ),
        (
            {"package.json": package(main="lib/web"), "lib/web.js": LISTENS},
            "node",
            "node lib/web.js",
        ),
        ({"package.json": package("express"), "app.js": ""}, "express", "node app.js"),
        (
            {"package.json": package(type="module"), "src/index.mjs": LISTENS},
            "node",
            "node src/index.mjs",
        ),
        ({"package.json": package("tsx"), "server.ts": ""}, "node", "tsx server.ts"),
        (
            {
                "package.json": package("express", scripts={"build": "tsc"}),
                "src/index.ts": "",
                "tsconfig.json": (
                    '{\n  // where it goes\n  "compilerOptions": {"rootDir": "./src",'
                    ' "outDir": "./lib",},\n}'
                ),
            },
            "express",
            "node lib/index.js",
        ),
    ],
)
def test_program_is_started_as_its_framework_documents(
    files: dict[str, str], framework: str, command: str
) -> None:
    """The project's own server comes first, then the framework's."""
    plan = plan_of(files)

    assert (framework, command) == (plan.framework, web(plan))
    assert ("node", None) == (plan.language, plan.static)


def test_standalone_server_gets_its_files() -> None:
    """Next.js leaves it to others to put them beside its server."""
    plan = plan_of({"package.json": package("next"), "next.config.js": "output: 'standalone'"})

    assert "cp -R .next/static .next/standalone/.next/" in commands(plan)[-1]


def test_adapter_that_chooses_is_told_what_to_choose() -> None:
    """SvelteKit's adapter-auto knows this kind of host by one variable."""
    files = {
        "package.json": package(
            "@sveltejs/kit", "@sveltejs/adapter-auto@^7", scripts={"build": "x"}
        ),
        "svelte.config.js": SVELTE.format("@sveltejs/adapter-auto", ""),
    }

    plan = plan_of(files)

    assert "GCP_BUILDPACKS=1 npm run build" == commands(plan)[-1]
    assert f"{PROXY} node build" == web(plan)
    assert any("adapter-auto does not know this host" in reason for reason in reasons(plan))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {
                "package.json": package("@sveltejs/kit"),
                "svelte.config.js": SVELTE.format("@sveltejs/adapter-vercel", ""),
            },
            r"svelte.config.js uses @sveltejs/adapter-vercel.*use @sveltejs/adapter-node instead",
        ),
        (
            {"package.json": package("@sveltejs/kit"), "svelte.config.js": "export default {}"},
            r"names no adapter: install @sveltejs/adapter-node",
        ),
        (
            {
                "package.json": package("astro"),
                "astro.config.mjs": ASTRO.format("@astrojs/cloudflare", "server", "x"),
            },
            r"astro.config.mjs uses @astrojs/cloudflare.*use @astrojs/node instead",
        ),
        (
            {"package.json": package("astro"), "astro.config.ts": "output: 'server'"},
            r"no adapter is named: run `astro add node`",
        ),
        (
            {"package.json": package("nuxt"), "nuxt.config.ts": "nitro: { preset: 'vercel-edge' }"},
            r"nuxt.config.ts sets the preset vercel-edge",
        ),
        ({"package.json": package("@tanstack/react-start")}, r"add the plugin nitro\(\)"),
        ({"package.json": package("@remix-run/dev", "@remix-run/cloudflare")}, r"for Cloudflare"),
        ({"package.json": package("@react-router/dev")}, r"@react-router/serve is not listed"),
        ({"package.json": package("vitepress")}, r"no .vitepress/config.js"),
        (
            {"package.json": package(scripts={"start": "concurrently a b"})},
            r"no start script that serves.*`concurrently a b` is a runner of many",
        ),
        ({"package.json": package("prettier")}, r"names no framework that is known here"),
    ],
)
def test_what_cannot_run_here_is_told_with_the_fix(files: dict[str, str], message: str) -> None:
    """The sentence says what to change."""
    with pytest.raises(DetectionError, match=message):
        plan_of(files)


@pytest.mark.parametrize(
    ("scripts", "started"),
    [
        ({"start": "nodemon server.js", "start:prod": "node server.js"}, "start:prod"),
        ({"start": "nodemon server.js"}, "start"),
        ({"start": "tsx watch src/main.ts", "prod": "node dist/main.js"}, "prod"),
        ({"start": "npm run build && npm run serve", "serve": "node x", "build": "tsc"}, "start"),
        ({"start": "tsc -w", "server": "node dist"}, "server"),
        ({"dev": "node server", "preview": "cross-env NODE_ENV=production node server"}, "preview"),
        ({"start": "pm2 start app.js", "serve": "node app.js"}, "serve"),
        ({"start": "dotenv -e .env -- node server.js"}, "start"),
        ({"start": "yarn workspace api start"}, "start"),
        ({"start": "pm2-runtime start ecosystem.config.js"}, "start"),
        (
            {"dev": "node --watch a.js", "start": "npm run dev", "production": "node a"},
            "production",
        ),
    ],
)
def test_script_that_serves_in_production_is_run(scripts: dict[str, str], started: str) -> None:
    """A start script that watches the sources gives way to one that does not."""
    plan = plan_of({"package.json": package("express", scripts=scripts)})

    assert f"npm run {started}" == web(plan)


def test_start_script_is_told_with_its_line() -> None:
    """The same word elsewhere in the file is not mistaken for it."""
    manifest = package("express", "start", scripts={"start": "node a.js"}, name="start")

    plan = plan_of({"package.json": manifest})

    assert "the script start runs `node a.js` (package.json:7)" in reasons(plan)
    assert "express is listed (package.json:3)" in reasons(plan)


def test_typescript_without_a_compiler_needs_a_new_node() -> None:
    """Node.js runs it by itself since 22.18; a version that the project names is kept."""
    free = plan_of({"package.json": "{}", "server.ts": ""})
    bound = plan_of({"package.json": "{}", "server.ts": "", ".nvmrc": "24"})

    assert ("node server.ts", ">=22.18") == (web(free), free.language_version)
    assert "24" == bound.language_version


def test_dependency_is_matched_by_its_exact_name() -> None:
    """A plugin of a framework is not the framework."""
    listed = ("eslint-config-next", "next-auth", "vite-node", "express-session")

    plan = plan_of({"package.json": package(*listed), "index.js": LISTENS})

    assert "node" == plan.framework


def test_chosen_node_ignores_what_it_is_made_with() -> None:
    """Who says node means the server that the project brings."""
    files = {"package.json": package("next", "vite"), "index.html": "", "server.js": ""}

    assert "node server.js" == web(plan_of(files, framework="node"))


def test_given_start_command_keeps_install_and_build() -> None:
    """A Procfile says what is started; the rest is found."""
    files = {"Procfile": "web: node serve.js", "package.json": package("vite"), "index.html": ""}

    plan = plan_of(files)

    assert ("vite", None) == (plan.framework, plan.static)
    assert ["npm install --include=dev", "vite build"] == commands(plan)
    assert "node serve.js" == web(plan)


def test_bundler_beside_another_language_is_not_an_application() -> None:
    """Assets of a Rails application do not make it one of Node.js."""
    files = {"Gemfile": "", "package.json": package("esbuild", scripts={"build": "esbuild a.js"})}

    with pytest.raises(DetectionError, match="Ruby is known"):
        plan_of(files)


def test_deno_beside_node_is_said() -> None:
    """A deno.json for its tools does not keep a Node application from being built."""
    files = {"deno.json": "{}", "package.json": package("express"), "server.js": ""}

    assert "deno.json is there too" in passed_over(plan_of(files))["deno"]


@pytest.mark.parametrize(
    ("files", "wishes", "message"),
    [
        (
            {},
            Wishes(build_command="npm run bild"),
            r"no script bild \(did you mean build\?\), but `npm run bild` runs it: it has build",
        ),
        ({}, Wishes(install_command="npm ci && pnpm run setup"), r"no script setup, but"),
        ({"Procfile": "web: npm start"}, Wishes(), r"no script start.*it has build"),
        ({"pushpaka.toml": '[commands]\nstart = "npm run go"'}, Wishes(), r"no script go, but"),
    ],
)
def test_script_that_is_not_there_is_told_before_the_build(
    files: dict[str, str], wishes: Wishes, message: str
) -> None:
    """The message names the scripts that there are."""
    manifest = package("vite", scripts={"build": "vite build"})

    with pytest.raises(DetectionError, match=message):
        detect(MemoryTree({"package.json": manifest, "index.html": "", **files}), wishes)


@pytest.mark.parametrize(
    "command",
    [
        "npm run build",
        "npm run build -- --mode staging",
        "npm run lint --if-present",
        "cd tools && npm run other",
        "npm run other --workspace tools",
        "yarn vite build",
        "pnpm --filter tools run other",
        "npm run 'build",
    ],
)
def test_given_command_that_may_work_is_taken(command: str) -> None:
    """What is run elsewhere, or in a way that is not understood, is not judged."""
    manifest = package("vite", scripts={"build": "vite build"})
    tree = MemoryTree({"package.json": manifest, "index.html": ""})

    plan = detect(tree, Wishes(build_command=command))

    assert command == commands(plan)[-1]


def test_npm_starts_server_js_without_a_script() -> None:
    """So a given `npm start` is right there."""
    files = {"Procfile": "web: npm start", "package.json": "{}", "server.js": ""}

    assert "npm start" == web(plan_of(files))


@pytest.mark.parametrize(
    ("manifest", "path", "code"),
    [
        (package("tsup", scripts={"build": "tsup"}), "src/index.ts", "export const add = 1"),
        (package("electron", main="main.js"), "main.js", "app.whenReady().then(createWindow)"),
        (package("expo", main="index.js"), "index.js", "registerRootComponent(App)"),
    ],
)
def test_what_listens_nowhere_is_no_server(manifest: str, path: str, code: str) -> None:
    """A library and a program for a desktop or a telephone have a main as well."""
    with pytest.raises(DetectionError, match=rf"{path} could be started, but no server is listed"):
        plan_of({"package.json": manifest, path: code})


def test_server_in_another_file_counts() -> None:
    """The main file may only call what listens."""
    files = {
        "package.json": package(main="index.js"),
        "index.js": "require('./lib/web')()",
        "lib/web.js": LISTENS,
    }

    assert "node index.js" == web(plan_of(files))


WORKER = {
    "package.json": package("hono", "wrangler"),
    "wrangler.toml": "name = 'x'",
    "src/index.ts": "const app = new Hono()\nexport default app",
}


def test_worker_of_cloudflare_is_told() -> None:
    """Node.js would import it and be done."""
    with pytest.raises(DetectionError, match="made for Cloudflare Workers: serve it with @hono/n"):
        plan_of(WORKER)


def test_bun_serves_what_is_made_for_cloudflare() -> None:
    """It takes the same default export."""
    assert "bun src/index.ts" == web(plan_of({**WORKER, "bun.lock": ""}))


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"prisma/seed.ts": ""}, "node dist/src/main"),
        (
            {"prisma/seed.ts": "", "tsconfig.build.json": '{"exclude": ["prisma"]}'},
            "node dist/main",
        ),
        ({"prisma/seed.ts": "", "tsconfig.json": '{"include": ["src/**/*"]}'}, "node dist/main"),
        (
            {"seed.ts": "", "nest-cli.json": '{"compilerOptions": {"builder": "swc"}}'},
            "node dist/main",
        ),
        ({"test/app.e2e-spec.ts": "", "src/types.d.ts": ""}, "node dist/main"),
    ],
)
def test_nest_is_started_where_it_is_compiled_to(files: dict[str, str], command: str) -> None:
    """With sources beside src, the compiler keeps that directory below its own."""
    manifest = package("@nestjs/core", scripts={"build": "nest build"})

    assert command == web(plan_of({"package.json": manifest, "src/main.ts": "", **files}))
