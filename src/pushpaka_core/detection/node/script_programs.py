"""The programs that scripts of package.json run, sorted by what they are good for."""

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
"""Words before the program that is meant, and those of their flags that take a value."""

STARTS_MANY = _programs(
    "turbo nx lerna rush concurrently npm-run-all npm-run-all2 run-p run-s wsrun"
)
"""They start several programs, of which at most one could answer."""

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
"""By program: the commands or flags that count, None for all of them."""

COMPILERS: Mapping[str, frozenset[str] | None] = {"nest": _programs("start")}
"""Programs that compile what they serve each time that they start, in the same form."""

TOOLS: Mapping[str, frozenset[str] | None] = {
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
"""Programs that build, watch or show a preview, in the same form."""
