"""Env vars that JavaScript reads."""

from tests.detection.node_trees import package, plan_of


def names_in(source: str, path: str = "src/index.ts") -> tuple[str, ...]:
    return plan_of({"package.json": package(), "server.js": "", path: source}).env_names


def test_every_way_to_read_one_is_seen() -> None:
    """Node.js, Vite, Bun, Deno, Nest, Prisma and SvelteKit have ways of their own."""
    assert ("A", "B", "C", "D", "E", "F") == names_in(
        "process.env.A; process.env['B']; process.env?.C;\n"
        "const { D, E: other = 'x', F } = process.env;"
    )
    assert ("VITE_URL",) == names_in("fetch(import.meta.env.VITE_URL)", "src/App.vue")
    assert ("X", "Y") == names_in('Bun.env.X; Deno.env.get("Y")')
    assert ("MAIL_HOST",) == names_in("this.configService.get<string>('MAIL_HOST')")
    assert ("DATABASE_URL",) == names_in('url = env("DATABASE_URL")', "prisma/schema.prisma")
    assert ("KEY", "TOKEN") == names_in("import { KEY, TOKEN as t } from '$env/static/private';")
    assert ("NPM_TOKEN",) == names_in("//host/:_authToken=${NPM_TOKEN}", ".npmrc")
    assert ("API_URL", "DATABASE_URL") == names_in(
        "z.object({ DATABASE_URL: z.string().url(), API_URL: str() }).parse(process.env)"
    )
    assert ("SECRET",) == names_in("import { env } from '$env/dynamic/private';\nenv.SECRET;")


def test_what_is_given_anyway_is_left_out() -> None:
    """Nobody has to set what the platform, the system or the framework sets."""
    source = "process.env.PORT, process.env.NODE_ENV, import.meta.env.DEV, process.env.VERCEL_URL"

    assert ("API_KEY",) == names_in(f"{source}, process.env.API_KEY")


def test_tests_and_foreign_code_are_not_looked_at() -> None:
    """Only what runs matters."""
    source = "process.env.A"

    for path in ("src/a.test.ts", "node_modules/a/b.js", "e2e/a.ts", "dist/a.js", "README.md"):
        assert () == names_in(source, path)


def test_sources_are_bounded() -> None:
    """The files nearest to the top are read first, and so many of them."""
    noise = {f"src/deep/{number}.js": f"process.env.N{number}" for number in range(2_000)}

    plan = plan_of({"package.json": package(), "server.js": "process.env.TOP", **noise})

    assert "TOP" in plan.env_names
    assert len(plan.env_names) < 600
