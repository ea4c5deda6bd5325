"""Start scripts beside a framework: what a person wrote is run, and what is not is told."""

import pytest
from tests.detection.node_trees import package, passed_over, plan_of, reasons, web

PROXY = (
    "PROTOCOL_HEADER=${PROTOCOL_HEADER:-x-forwarded-proto}"
    " HOST_HEADER=${HOST_HEADER:-x-forwarded-host}"
)
LISTENING = "-p $PORT -H ${HOST:-0.0.0.0}"
NITRO = "node .output/server/index.mjs"
SVELTE = {
    "svelte.config.js": "import a from '@sveltejs/adapter-node';\nexport default { adapter: a() };"
}
ASTRO = {
    "astro.config.mjs": (
        "import a from '@astrojs/node';\n"
        "export default { output: 'server', adapter: a({ mode: 'standalone' }) };"
    )
}
STANDALONE = {"next.config.js": "module.exports = { output: 'standalone' }"}


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
            SVELTE,
            "ORIGIN=https://x.example node build",
            f"{PROXY} npm run start",
        ),
        (
            "@sveltejs/kit @sveltejs/adapter-node",
            SVELTE,
            "prisma migrate deploy && node build",
            f"{PROXY} npm run start",
        ),
        ("nuxt@^3", {}, f"drizzle-kit migrate && {NITRO}", "npm run start"),
        (
            "astro@^5 @astrojs/node",
            ASTRO,
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
def test_script_that_does_more_is_kept(
    packages: str, files: dict[str, str], start: str, command: str
) -> None:
    """The framework's server at its end is only told where to listen."""
    scripts = {"start": start, "up": "next start"}

    plan = plan_of({"package.json": package(*packages.split(), scripts=scripts), **files})

    assert command == web(plan)
    assert any(f"the script start runs `{start}`" in reason for reason in reasons(plan))


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
def test_bare_script_gives_way_and_is_told(
    packages: str, files: dict[str, str], start: str, command: str
) -> None:
    """What stands in for it is the same server, told where to listen."""
    manifest = package(*packages.split(), scripts={"start": start})

    plan = plan_of({"package.json": manifest, **files})

    assert web(plan).startswith(command)
    told = f"`{web(plan)}` stands in for `{start}` of the script start (package.json:"
    assert any(reason.startswith(told) for reason in reasons(plan))


@pytest.mark.parametrize(
    ("packages", "scripts", "reason"),
    [
        (
            "@nestjs/core",
            {"start": "nest start", "start:prod": "node dist/main"},
            "`nest start` is a server that is compiled at each start, which is not for visitors",
        ),
        (
            "react-scripts",
            {"start": "serve -s build", "build": "react-scripts build"},
            "`serve -s build` is a file server, which is not needed: files are served without one",
        ),
    ],
)
def test_reason_against_a_start_script_fits_it(
    packages: str, scripts: dict[str, str], reason: str
) -> None:
    """What is said against a program is true of it."""
    plan = plan_of({"package.json": package(*packages.split(), scripts=scripts)})

    assert reason == passed_over(plan)["script start"]


def test_server_of_sample_data_is_told() -> None:
    """The page beside it is what is served."""
    files = {"package.json": package("vite", scripts={"start": "json-server db.json"})}

    plan = plan_of({**files, "index.html": ""})

    assert "`json-server db.json` is a reloading server" in passed_over(plan)["script start"]
