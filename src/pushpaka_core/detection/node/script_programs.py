"""Tables of the programs that package.json scripts run, by their purpose."""

from collections.abc import Mapping


def _programs(text: str) -> frozenset[str]:
    return frozenset(text.split())


WRAPPERS: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = (
    (("cross-env",), frozenset()),
    (("cross-env-shell",), frozenset()),
    (("env",), frozenset()),
    (("exec",), frozenset()),
    (("npx",), _programs("-p --package")),
    (("bunx",), frozenset()),
    (("bun", "x"), frozenset()),
    (("bun", "--bun", "run"), frozenset()),
    (("npm", "exec"), frozenset()),
    (("pnpm", "exec"), frozenset()),
    (("pnpm", "dlx"), frozenset()),
    (("yarn", "exec"), frozenset()),
    (("yarn", "dlx"), frozenset()),
    (("dotenv",), _programs("-e -c -v -p")),
    (("dotenvx", "run"), _programs("-f -fk")),
    (("env-cmd",), _programs("-f -e -r")),
    (("infisical", "run"), frozenset()),
    (("doppler", "run"), frozenset()),
)
"""Commands that only start another program, with their flags that take a value."""

ENV_WRAPPERS = _programs(
    "cross-env cross-env-shell env exec dotenv dotenvx env-cmd infisical doppler"
)
"""Wrappers that only change the environment of the program that follows."""

PARALLEL_RUNNERS = _programs(
    "turbo nx lerna rush concurrently npm-run-all npm-run-all2 run-p run-s wsrun"
)
"""Runners that start several programs, of which at most one could serve requests."""

FILE_SERVERS = _programs(
    "serve http-server live-server lite-server light-server local-web-server ws sirv static-server"
    " browser-sync superstatic servor reload five-server"
)
FLAGS_WITH_VALUE = _programs("-l --listen -p --port -c --config -a --host -H --hostname -P --proxy")
SINGLE_PAGE_FLAGS = _programs("-s --single --spa")

RELOADERS: Mapping[str, frozenset[str] | None] = {
    "nodemon": None,
    "node-dev": None,
    "supervisor": None,
    "ts-node-dev": None,
    "tsnd": None,
    "tsx": _programs("watch --watch"),
    "node": _programs("--watch"),
    "bun": _programs("--watch --hot"),
    "nest": _programs("--watch -w"),
    "fastify": _programs("--watch -w"),
    "json-server": None,
}
"""The subcommands or flags that make a program reload, by program. None means all uses."""

COMPILERS: Mapping[str, frozenset[str] | None] = {"nest": _programs("start")}
"""The subcommands or flags that make a program compile the server on each start, by program."""

DEVELOPMENT_TOOLS: Mapping[str, frozenset[str] | None] = {
    "vite": frozenset({"", "dev", "serve", "preview", "build"}),
    "next": _programs("dev build export"),
    "nuxt": _programs("dev preview build generate"),
    "nuxi": _programs("dev preview build generate"),
    "astro": _programs("dev preview build"),
    "remix": _programs("dev vite:dev build"),
    "react-router": _programs("dev build"),
    "svelte-kit": _programs("dev preview build"),
    "vinxi": _programs("dev build"),
    "qwik": _programs("build"),
    "wrangler": None,
    "vercel": None,
    "netlify": None,
    "firebase": None,
    "react-scripts": None,
    "react-app-rewired": None,
    "craco": None,
    "ng": None,
    "vue-cli-service": None,
    "webpack": None,
    "webpack-cli": None,
    "webpack-dev-server": None,
    "rspack": None,
    "rsbuild": None,
    "rspress": None,
    "rollup": None,
    "esbuild": None,
    "snowpack": None,
    "parcel": None,
    "parcel-bundler": None,
    "gatsby": None,
    "eleventy": None,
    "@11ty/eleventy": None,
    "docusaurus": None,
    "vitepress": None,
    "vuepress": None,
    "hexo": None,
    "storybook": None,
    "start-storybook": None,
    "ember": None,
    "expo": None,
    "react-native": None,
    "electron": None,
    "electron-forge": None,
    "quasar": _programs("dev build"),
    "umi": None,
    "max": None,
    "slidev": None,
    "preact": None,
    "stencil": None,
    "ionic": None,
    "gulp": None,
    "grunt": None,
    "tsc": None,
    "pm2": _programs("start"),
    "forever": _programs("start"),
    "jest": None,
    "vitest": None,
    "echo": None,
    "docker": None,
    "docker-compose": None,
}
"""The subcommands or flags that make a program build, watch or preview, by program."""
