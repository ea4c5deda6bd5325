"""Tests the detection of environment variables that JavaScript reads."""

from tests.detection.plans import package, plan_of


def names_in(source: str, path: str = "src/index.ts") -> tuple[str, ...]:
    return plan_of({"package.json": package(), "server.js": "", path: source}).env_names


def test_reads_of_each_library_are_listed() -> None:
    """The sources use Node.js, Vite, Bun, Deno, Nest, Prisma, npm, Zod and SvelteKit."""
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


def test_variables_of_the_platform_and_the_framework_are_omitted() -> None:
    source = "process.env.PORT, process.env.NODE_ENV, import.meta.env.DEV, process.env.VERCEL_URL"

    assert ("API_KEY",) == names_in(f"{source}, process.env.API_KEY")


def test_tests_and_dependencies_are_not_read() -> None:
    source = "process.env.A"

    for path in ("src/a.test.ts", "node_modules/a/b.js", "e2e/a.ts", "dist/a.js", "README.md"):
        assert () == names_in(source, path)


def test_number_of_sources_is_limited() -> None:
    """The files closest to the root are read first."""
    noise = {f"src/deep/{number}.js": f"process.env.N{number}" for number in range(2_000)}

    plan = plan_of({"package.json": package(), "server.js": "process.env.TOP", **noise})

    assert "TOP" in plan.env_names
    assert len(plan.env_names) < 600
