"""Tests Node.js programs: frameworks that render on a server, and custom servers."""

from typing import Any

import pytest
from tests.detection.plans import (
    Case,
    case,
    commands,
    node,
    plan_of,
    reasons,
    rejections,
    web,
)

from pushpaka_core.detection import BuildOverrides
from pushpaka_core.errors import DetectionError

NITRO = "node .output/server/index.mjs"
PROXY = (
    "PROTOCOL_HEADER=${PROTOCOL_HEADER:-x-forwarded-proto}"
    " HOST_HEADER=${HOST_HEADER:-x-forwarded-host}"
)
SVELTE = "import adapter from '{}';\nexport default {{ kit: {{ adapter: adapter({}) }} }};"
ASTRO = "import a from '{}';\nexport default {{ output: '{}', adapter: a({{ mode: '{}' }}) }};"
LISTENS = "require('http').createServer(answer).listen(process.env.PORT)"
INDEX = {"index.html": ""}
WORKER = node(
    "hono wrangler",
    {"wrangler.toml": "name = 'x'", "src/index.ts": "const app = new Hono()\nexport default app"},
)
NO_SERVERS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("tsup", "src/index.ts", "export const add = 1", {"build": "tsup"}),
    ("electron", "main.js", "app.whenReady().then(createWindow)", {"main": "main.js"}),
    ("expo", "index.js", "registerRootComponent(App)", {"main": "index.js"}),
]
SRVX = "--prod --host ${HOST:-0.0.0.0} --port $PORT --static ../client --entry"
ADD_SRVX = "npm install --prefix=.srvx --no-save --no-audit --no-fund srvx@1"
ADDED_SRVX = f"node .srvx/node_modules/srvx/bin/srvx.mjs serve {SRVX}"
TANSTACK = "plugins: [tanstackStart(), viteReact()], "
ADAPTER_AUTO = (
    "@sveltejs/adapter-auto does not support this host, so the build adds"
    " @sveltejs/adapter-node. Set that adapter yourself to make builds faster"
)
LISTENING = "-p $PORT -H ${HOST:-0.0.0.0}"
SVELTE_NODE = {
    "svelte.config.js": "import a from '@sveltejs/adapter-node';\nexport default { adapter: a() };"
}
ASTRO_NODE = {
    "astro.config.mjs": (
        "import a from '@astrojs/node';\n"
        "export default { output: 'server', adapter: a({ mode: 'standalone' }) };"
    )
}
STANDALONE = {"next.config.js": "module.exports = { output: 'standalone' }"}
NEXT = {"dev": "next dev", "build": "next build", "start": "next start"}


@pytest.mark.parametrize(
    ("files", "framework", "command"),
    [
        (node("next@15 react", scripts=NEXT), "nextjs", "next start -p $PORT -H ${HOST:-0.0.0.0}"),
        (node("next@15", scripts={**NEXT, "start": "node server.js"}), "nextjs", "npm run start"),
        (
            node("next", packageManager="yarn@4.1.0"),
            "nextjs",
            "yarn next start -p $PORT -H ${HOST:-0.0.0.0}",
        ),
        (
            node(
                "next@15",
                {"next.config.ts": "const c: NextConfig = { output: 'standalone' }"},
                scripts=NEXT,
            ),
            "nextjs",
            "HOSTNAME=${HOST:-0.0.0.0} node .next/standalone/server.js",
        ),
        (node("nuxt@^3", build="nuxt build"), "nuxt", NITRO),
        (node("nuxt@^3", start="nuxt preview"), "nuxt", NITRO),
        (node("nuxt@^2", start="nuxt start"), "nuxt", "nuxt start"),
        (
            node("@remix-run/react @remix-run/serve", start="remix-serve build"),
            "remix",
            "npm run start",
        ),
        (
            node("@remix-run/dev", {"vite.config.ts": "plugins: [remix()]"}),
            "remix",
            "remix-serve ./build/server/index.js",
        ),
        (
            node("@react-router/dev@7 @react-router/serve vite"),
            "react-router",
            "react-router-serve ./build/server/index.js",
        ),
        (node("@react-router/dev@7", start="node server.js"), "react-router", "npm run start"),
        (
            node(
                "@sveltejs/kit @sveltejs/adapter-node",
                {"svelte.config.js": SVELTE.format("@sveltejs/adapter-node", "")},
            ),
            "sveltekit",
            f"{PROXY} node build",
        ),
        (
            node(
                "@sveltejs/kit",
                {"svelte.config.js": SVELTE.format("@sveltejs/adapter-node", "{ out: 'app' }")},
                start="node app",
            ),
            "sveltekit",
            f"{PROXY} node app",
        ),
        (
            node(
                "astro@^5 @astrojs/node",
                {"astro.config.mjs": ASTRO.format("@astrojs/node", "server", "standalone")},
            ),
            "astro",
            "node dist/server/entry.mjs",
        ),
        (
            node(
                "astro@^5",
                {
                    "astro.config.mjs": ASTRO.format("@astrojs/node", "static", "standalone"),
                    "src/pages/api/time.ts": "export const prerender = false;",
                },
                start="astro dev",
            ),
            "astro",
            "node dist/server/entry.mjs",
        ),
        (
            node(
                "astro@^4",
                {"astro.config.mjs": ASTRO.format("@astrojs/node", "hybrid", "middleware")},
                start="node run-server.mjs",
            ),
            "astro",
            "npm run start",
        ),
        (
            node(
                "@tanstack/react-start vite nitro",
                {"vite.config.ts": "plugins: [tanstackStart(), nitro()]"},
            ),
            "tanstack-start",
            NITRO,
        ),
        (node("@tanstack/start vinxi", start="vinxi start"), "tanstack-start", NITRO),
        (node("@solidjs/start vinxi"), "solid-start", NITRO),
        (
            node("@builder.io/qwik-city vite", {"adapters/express/vite.config.ts": ""}),
            "qwik",
            "node server/entry.express",
        ),
        (
            node("@nestjs/core", scripts={"start": "nest start", "start:prod": "node dist/main"}),
            "nestjs",
            "npm run start:prod",
        ),
        (
            node(
                "@nestjs/core",
                {"nest-cli.json": '{"monorepo": true, "root": "apps/api"}'},
                start="nest start",
            ),
            "nestjs",
            "node dist/apps/api/main",
        ),
        (
            node(
                "@angular/core@19",
                {
                    "angular.json": (
                        '{"projects": {"shop": {"architect": {"build": {"builder":'
                        ' "@angular-devkit/build-angular:application", "options":'
                        ' {"outputPath": "dist/shop", "ssr": {"entry": "src/server.ts"}}}}}}}'
                    )
                },
                start="ng serve",
            ),
            "angular",
            "node dist/shop/server/server.mjs",
        ),
        (node("express", start="node server.js"), "express", "npm run start"),
        (node("fastify", start="fastify start -l info app.js"), "fastify", "npm run start"),
        (node("hono", {"pnpm-lock.yaml": ""}, start="tsx src/index.ts"), "hono", "pnpm run start"),
        (node("koa", start="NODE_ENV=production node ."), "koa", "npm run start"),
        (
            node("express vite", {"index.html": ""}, build="vite build", start="node server"),
            "vite",
            "npm run start",
        ),
        (
            node("elysia", {"src/index.ts": "", "bun.lock": ""}, main="src/index.ts"),
            "elysia",
            "bun src/index.ts",
        ),
        (node("", {"lib/web.js": LISTENS}, main="lib/web"), "node", "node lib/web.js"),
        (node("express", {"app.js": ""}), "express", "node app.js"),
        (node("", {"src/index.mjs": LISTENS}, type="module"), "node", "node src/index.mjs"),
        (node("tsx", {"server.ts": ""}), "node", "tsx server.ts"),
        (
            node("vite express", INDEX, build="vite build", scripts={"server": "node mock.js"}),
            "vite",
            "npm run server",
        ),
        (
            node("nuxt@^3", {"nuxt.config.ts": "nitro: { output: { dir: 'build' } }"}),
            "nuxt",
            "node build/server/index.mjs",
        ),
        (
            node(
                "@react-router/dev @react-router/serve",
                {"react-router.config.ts": "export default { buildDirectory: 'dist' }"},
            ),
            "react-router",
            "react-router-serve ./dist/server/index.js",
        ),
        # Since Astro 5 an adapter makes a server even if all pages are rendered before.
        (
            node(
                "astro@^5.1.0 @astrojs/node",
                {
                    "astro.config.mjs": (
                        "import n from '@astrojs/node'\nexport default { adapter: n({}) }"
                    )
                },
            ),
            "astro",
            "node dist/server/entry.mjs",
        ),
        (
            node(
                "express",
                {
                    "src/index.ts": "",
                    "tsconfig.json": (
                        '{\n  // where it goes\n  "compilerOptions": {"rootDir": "./src",'
                        ' "outDir": "./lib",},\n}'
                    ),
                },
                build="tsc",
            ),
            "express",
            "node lib/index.js",
        ),
    ],
)
def test_start_command_is_detected(files: dict[str, str], framework: str, command: str) -> None:
    """A custom server takes precedence over the documented server of the framework."""
    plan = plan_of(files)

    assert ("node", framework, command) == (plan.language, plan.framework, web(plan))
    assert plan.static is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            node(
                "@sveltejs/kit", {"svelte.config.js": SVELTE.format("@sveltejs/adapter-vercel", "")}
            ),
            r"svelte.config.js uses @sveltejs/adapter-vercel.*Use @sveltejs/adapter-node instead",
        ),
        (
            node("@sveltejs/kit", {"svelte.config.js": "export default {}"}),
            r"sets no adapter. Install @sveltejs/adapter-node",
        ),
        (
            node("astro", {"astro.config.mjs": ASTRO.format("@astrojs/cloudflare", "server", "x")}),
            r"astro.config.mjs uses @astrojs/cloudflare.*Use @astrojs/node instead",
        ),
        (
            node("astro", {"astro.config.ts": "output: 'server'"}),
            r"no adapter is set. Run `astro add node`",
        ),
        (
            node("nuxt", {"nuxt.config.ts": "nitro: { preset: 'vercel-edge' }"}),
            r"nuxt.config.ts sets the preset vercel-edge",
        ),
        (
            node("@tanstack/react-start@^1.131.0"),
            r"react-start builds no Node.js server before 1.132.*add the plugin nitro\(\)",
        ),
        (
            node("@tanstack/react-start @cloudflare/vite-plugin"),
            r"@cloudflare/vite-plugin builds for another host. Remove it",
        ),
        (node("@remix-run/dev @remix-run/cloudflare"), r"application targets Cloudflare"),
        (node("@react-router/dev"), r"@react-router/serve is not listed"),
        (node("vitepress"), r"no .vitepress/config.js"),
        (
            node(start="concurrently a b"),
            r"no start script that starts.*`concurrently a b` is a task runner",
        ),
        (node("prettier"), r"has no supported framework"),
        (node("esbuild", {"Gemfile": ""}, build="esbuild a.js"), r"Ruby is supported"),
        (
            node("vite", {**INDEX, "Procfile": "web: npm start"}, build="vite build"),
            r"no script start.*Its scripts are build",
        ),
        (
            node(
                "vite",
                {**INDEX, "pushpaka.toml": '[commands]\nstart = "npm run go"'},
                build="vite build",
            ),
            r"no script go, but",
        ),
        (WORKER, r"targets Cloudflare Workers. Serve it with @hono/n"),
        *(
            (
                node(packages, {path: code}, **fields),
                rf"{path} could be started, but no server package is",
            )
            for packages, path, code, fields in NO_SERVERS
        ),
    ],
)
def test_repository_without_a_server_is_refused_with_the_remedy(
    files: dict[str, str], message: str
) -> None:
    with pytest.raises(DetectionError, match=message):
        plan_of(files)


CASES: dict[str, Case] = {
    "adapter-auto gets the name of the host platform": case(
        node(
            "@sveltejs/kit @sveltejs/adapter-auto@^7",
            {"svelte.config.js": SVELTE.format("@sveltejs/adapter-auto", "")},
            build="x",
        ),
        last="GCP_BUILDPACKS=1 npm run build",
        web=f"{PROXY} node build",
        reasons=[f"{ADAPTER_AUTO} (svelte.config.js)"],
    ),
    "TanStack Start's handler is served by an added srvx": case(
        node(
            "@tanstack/react-start@^1.132.0 vite", {"vite.config.ts": TANSTACK}, build="vite build"
        ),
        framework="tanstack-start",
        build=["npm run build", ADD_SRVX],
        web=f"{ADDED_SRVX} dist/server/server.js",
    ),
    "TanStack Start with another directory, and a start script for Nitro": case(
        node(
            "@tanstack/react-start@latest vite",
            {"vite.config.ts": f"{TANSTACK}build: {{ outDir: 'output' }}"},
            build="vite build",
            start=NITRO,
        ),
        build=["npm run build", ADD_SRVX],
        web=f"{ADDED_SRVX} output/server/server.js",
    ),
    "TanStack Start with srvx": case(
        node(
            "@tanstack/solid-start@1.140.3 srvx vite",
            {"vite.config.ts": TANSTACK},
            build="vite build",
        ),
        build=["npm run build"],
        web=f"srvx serve {SRVX} dist/server/server.js",
    ),
    "TanStack Start with its own server": case(
        node(
            "@tanstack/react-start@^1.150.1 vite",
            {"vite.config.ts": TANSTACK},
            build="vite build",
            start="node serve.js",
        ),
        build=["npm run build"],
        web="npm run start",
    ),
    "reasons name the lines of package.json": case(
        node("express start", start="node a.js", name="start"),
        reasons=[
            "the start script runs `node a.js` (package.json:7)",
            "express is listed (package.json:3)",
        ],
    ),
    "TypeScript without a compiler needs Node.js 22.18": case(
        {"package.json": "{}", "server.ts": ""}, web="node server.ts", version=">=22.18"
    ),
    "a version that the project names is kept": case(
        {"package.json": "{}", "server.ts": "", ".nvmrc": "24"}, version="24"
    ),
    "a plugin of a framework is not the framework": case(
        node("eslint-config-next next-auth vite-node express-session", {"index.js": LISTENS}),
        framework="node",
    ),
    "the framework `node` means the project's own server": case(
        node("next vite", {**INDEX, "server.js": ""}),
        BuildOverrides(framework="node"),
        web="node server.js",
    ),
    "a Procfile keeps installation and build": case(
        node("vite", {**INDEX, "Procfile": "web: node serve.js"}),
        framework="vite",
        static=None,
        commands=["npm install --include=dev", "vite build"],
        web="node serve.js",
    ),
    "`npm start` needs no script beside server.js": case(
        {"Procfile": "web: npm start", "package.json": "{}", "server.js": ""},
        web="npm start",
    ),
    "the main file may only call what listens": case(
        node("", {"index.js": "require('./lib/web')()", "lib/web.js": LISTENS}, main="index.js"),
        web="node index.js",
    ),
    **{
        f"NestJS with {', '.join(files)} is compiled to {directory}": case(
            node("@nestjs/core", {"src/main.ts": "", **files}, build="nest build"),
            web=f"node {directory}/main",
        )
        for directory, files in (
            ("dist/src", {"prisma/seed.ts": ""}),
            ("dist", {"prisma/seed.ts": "", "tsconfig.build.json": '{"exclude": ["prisma"]}'}),
            ("dist", {"prisma/seed.ts": "", "tsconfig.json": '{"include": ["src/**/*"]}'}),
            ("dist", {"seed.ts": "", "nest-cli.json": '{"compilerOptions": {"builder": "swc"}}'}),
            ("dist", {"test/app.e2e-spec.ts": "", "src/types.d.ts": ""}),
        )
    },
    "Bun serves a Cloudflare worker's default export": case(
        {**WORKER, "bun.lock": ""}, web="bun src/index.ts"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


def test_nextjs_standalone_server_gets_its_files() -> None:
    plan = plan_of(node("next", STANDALONE))

    assert "cp -R .next/static .next/standalone/.next/" in commands(plan)[-1]


@pytest.mark.parametrize(
    ("scripts", "start_command"),
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
def test_production_script_is_run(scripts: dict[str, str], start_command: str) -> None:
    """Scripts that watch the source files have the lowest priority."""
    plan = plan_of(node("express", scripts=scripts))

    assert f"npm run {start_command}" == web(plan)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"build_command": "npm run bild"},
            r"no script bild \(did you mean build\?\), but `npm run bild` runs it\. Its",
        ),
        ({"install_command": "npm ci && pnpm run setup"}, r"no script setup, but"),
    ],
)
def test_command_with_a_missing_script_is_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(DetectionError, match=message):
        plan_of(node("vite", INDEX, build="vite build"), **overrides)


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
def test_command_that_cannot_be_checked_is_accepted(command: str) -> None:
    """Commands that run in another directory or cannot be parsed are not checked."""
    plan = plan_of(node("vite", INDEX, build="vite build"), build_command=command)

    assert command == commands(plan)[-1]


@pytest.mark.parametrize(
    ("packages", "files", "start", "command"),
    [
        ("next", {}, "prisma migrate deploy && next start", f"npm run start -- {LISTENING}"),
        ("next", {}, "npm run migrate && next start", f"npm run start -- {LISTENING}"),
        ("next", {}, "NODE_OPTIONS='-r ./otel.js' next start", f"npm run start -- {LISTENING}"),
        ("next", {}, "dotenv -e .env.production -- next start", f"npm run start -- {LISTENING}"),
        ("next", {}, "next start --keepAliveTimeout 70000", f"npm run start -- {LISTENING}"),
        (
            "next",
            {"yarn.lock": "# yarn lockfile v1"},
            "migrate && next start",
            f"yarn run start {LISTENING}",
        ),
        ("next", {}, "migrate && npm run up", "npm run start"),
        ("next", {}, "next start | pino-pretty", "npm run start"),
        (
            "next",
            STANDALONE,
            "prisma migrate deploy && node .next/standalone/server.js",
            "HOSTNAME=${HOST:-0.0.0.0} npm run start",
        ),
        ("next", {**STANDALONE, "server.js": ""}, "node server.js", "npm run start"),
        (
            "@sveltejs/kit @sveltejs/adapter-node",
            SVELTE_NODE,
            "ORIGIN=https://x.example node build",
            f"{PROXY} npm run start",
        ),
        (
            "@sveltejs/kit @sveltejs/adapter-node",
            SVELTE_NODE,
            "prisma migrate deploy && node build",
            f"{PROXY} npm run start",
        ),
        ("nuxt@^3", {}, f"drizzle-kit migrate && {NITRO}", "npm run start"),
        (
            "astro@^5 @astrojs/node",
            ASTRO_NODE,
            "astro db push && node ./dist/server/entry.mjs",
            "npm run start",
        ),
        (
            "@react-router/dev @react-router/serve",
            {},
            "react-router-serve ./dist/server/index.js",
            "npm run start",
        ),
        ("@remix-run/react", {}, "remix-serve ./out/server/index.js", "npm run start"),
        ("@nestjs/core", {}, "prisma migrate deploy && nest start", "npm run start"),
        ("@nestjs/core", {}, "nest start api", "npm run start"),
        (
            "@adonisjs/core",
            {},
            "node ace migration:run --force && node bin/server.js",
            "cd build && npm run start",
        ),
    ],
)
def test_start_script_with_other_commands_is_kept(
    packages: str, files: dict[str, str], start: str, command: str
) -> None:
    """If the script ends with the framework's server, address and port options are added."""
    scripts = {"start": start, "up": "next start"}

    plan = plan_of(node(packages, files, scripts=scripts))

    assert command == web(plan)
    assert any(f"the start script runs `{start}`" in reason for reason in reasons(plan))


@pytest.mark.parametrize(
    ("packages", "files", "start", "command"),
    [
        ("next", {}, "next start", f"next start {LISTENING}"),
        ("next", {}, "next start -p ${PORT:-3000} --hostname=0.0.0.0", f"next start {LISTENING}"),
        ("next", STANDALONE, "next start", "HOSTNAME=${HOST:-0.0.0.0} node .next/standalone/"),
        ("next", STANDALONE, "node server.js", "HOSTNAME=${HOST:-0.0.0.0} node .next/standalone/"),
        ("@nestjs/core", {}, "nest start --watch", "node dist/main"),
        ("@adonisjs/core", {}, "node bin/server.js", "node build/bin/server.js"),
    ],
)
def test_bare_start_script_is_replaced_with_a_reason(
    packages: str, files: dict[str, str], start: str, command: str
) -> None:
    """The replacement starts the same server, with options for the address and the port."""
    plan = plan_of(node(packages, files, start=start))

    started = web(plan) or ""
    assert started.startswith(command)
    expected = f"`{started}` replaces `{start}` of the start script (package.json:"
    assert any(reason.startswith(expected) for reason in reasons(plan))


@pytest.mark.parametrize(
    ("files", "candidate", "reason"),
    [
        (
            node("@nestjs/core", scripts={"start": "nest start", "start:prod": "node dist/main"}),
            "start script",
            (
                "`nest start` is a server that compiles at each start,"
                " which is not suitable for production"
            ),
        ),
        (
            node("react-scripts", start="serve -s build", build="react-scripts build"),
            "start script",
            "`serve -s build` is a file server, which static files do not need",
        ),
        (
            node("vite", INDEX, start="json-server db.json"),
            "start script",
            "`json-server db.json` is a reloading server",
        ),
        (node("express", {"deno.json": "{}", "server.js": ""}), "deno", "deno.json exists too"),
    ],
)
def test_rejected_candidate_has_a_reason(
    files: dict[str, str], candidate: str, reason: str
) -> None:
    assert reason in rejections(plan_of(files))[candidate]
