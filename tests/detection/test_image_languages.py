"""Tests languages that are built into images: Deno, .NET, Elixir, Go, Java, PHP, Ruby and Rust."""

import json

import pytest
from tests.detection.plans import Case, image, plan_of

from pushpaka_core.errors import DetectionError

DENO = "DENO_SERVE_ADDRESS=tcp:${HOST:-0.0.0.0}:$PORT"
FRESH = {"tasks": {"build": "vite", "start": "x"}, "imports": {"@fresh/core": "jsr:x"}}
TASK = '{\n  // ours\n  "tasks": {\n    "start": "deno run -A a.ts",\n  },\n}\n'

DOTNET = (
    '<Project Sdk="Microsoft.NET.Sdk.Web">\n'
    "<TargetFramework>net9.0</TargetFramework>\n{more}</Project>"
)
CONSOLE = '<Project Sdk="Microsoft.NET.Sdk"><OutputType>Exe</OutputType></Project>'
TEST_PROJECT = DOTNET.format(more='<PackageReference Include="Microsoft.NET.Test.Sdk"/>')

MIX = '  def project do\n    [\n      app: :shop,\n      elixir: "~> 1.15",\n'
PHOENIX = f'{MIX}      aliases: ["assets.deploy": ["x"]],\n      deps: [{{:phoenix, "~> 1.8"}}]\n'

MAIN = "package main\n\nfunc main() {}\n"
GO = "go build -trimpath -ldflags='-s -w' -o"
MODULE = {"go.mod": "module shop\n\ngo 1.24\n"}

SPRING = "<project>\n<parent>\n<groupId>org.springframework.boot</groupId></parent>\n</project>"
JAVA = "exec java $JAVA_OPTS"
MVN = "--batch-mode -DskipTests package"
JAR = " && find target -maxdepth 1 -name '*.jar' ! -name '*-sources.jar' ! -name '*-javadoc.jar' "

COMPOSER = "composer install --no-dev --no-interaction --no-progress --optimize-autoloader"
LARAVEL = {
    "composer.json": '{"require": {\n"php": "^8.2",\n"laravel/framework": "^12"}}',
    "public/index.php": "",
    "artisan": "",
    "package.json": '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "^7"}}',
    "package-lock.json": "{}",
}
PHP_ENV = "<?php getenv('A_KEY'); env(\"B_KEY\"); $_ENV['C_KEY']; $_SERVER['PORT'];"

RAILS = "gem 'rails'\n"
GEMS = "GEM\n  specs:\n    puma (6.4.2)\n      nio4r (~> 2.0)\n\nRUBY VERSION\n   ruby 3.3.5p100\n"
SINATRA = "require 'sinatra'\nget('/') { 'Hi' }\n"

CRATE = '[package]\nname = "shop"\n\n[dependencies]\naxum = "0.8"\n'
RELEASE = '"${CARGO_TARGET_DIR:-target}/release'
BINARIES = '[package]\nname = "shop"\n[[bin]]\nname = "a"\n[[bin]]\nname = "b"'
CRATES = {
    "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\n',
    "crates/cli/Cargo.toml": '[package]\nname = "cli"\n',
    "crates/cli/src/main.rs": "",
    "crates/lib/Cargo.toml": '[package]\nname = "lib"\n',
    "crates/server/Cargo.toml": '[package]\nname = "server"\n',
    "crates/server/src/main.rs": "",
    "other/Cargo.toml": '[package]\nname = "api"\n',
    "other/src/main.rs": "",
}

CASES: dict[str, Case] = {
    "deno: start task, in JSON with comments": image(
        {"deno.jsonc": TASK, "a.ts": ""},
        commands=["deno install"],
        web=f"{DENO} deno task start",
        reasons=["there is a start task (deno.jsonc:4)"],
    ),
    "deno: program with its imports cached": image(
        {"deno.json": "{}", "main.ts": "Deno.serve(() => new Response())"},
        commands=["deno install", "deno cache main.ts"],
        web=f"{DENO} deno run --allow-all main.ts",
    ),
    "deno: exported fetch handler": image(
        {
            "deno.json": "{}",
            "src/server.ts": "export default { fetch() { return new Response() } }",
        },
        web="deno serve --allow-all --host ${HOST:-0.0.0.0} --port $PORT src/server.ts",
    ),
    "deno: Fresh is recognized by its imports": image(
        {"deno.json": json.dumps(FRESH), ".deno-version": "2.5.6\n"},
        framework="fresh",
        version="2.5.6",
        commands=["deno install", "deno task build"],
    ),
    "deno: package.json beside it means Node.js": image(
        {"package.json": '{"scripts": {"start": "node a.js"}}', "deno.json": "{}", "a.js": ""},
        language="node",
    ),
    "dotnet: web project of a solution": image(
        {
            "Shop.sln": "",
            "src/A/A.csproj": CONSOLE,
            "src/Shop/Shop.csproj": DOTNET.format(more=""),
            "tests/T/T.csproj": TEST_PROJECT,
        },
        framework="dotnet",
        version="9.0",
        commands=[
            "dotnet restore src/Shop/Shop.csproj",
            "dotnet publish src/Shop/Shop.csproj --configuration Release --output _published",
        ],
        web="ASPNETCORE_URLS=http://${HOST:-0.0.0.0}:$PORT exec dotnet _published/Shop.dll",
        reasons=[
            (
                "the project is a web application; other programs: src/A/A.csproj"
                " (src/Shop/Shop.csproj:1)"
            ),
            ".NET 9.0 is requested (src/Shop/Shop.csproj:2)",
        ],
    ),
    "dotnet: own assembly name, and a space in the file name": image(
        {"My Shop.fsproj": DOTNET.format(more="<AssemblyName>store</AssemblyName>\n")},
        install="dotnet restore 'My Shop.fsproj'",
        web="ASPNETCORE_URLS=http://${HOST:-0.0.0.0}:$PORT exec dotnet _published/store.dll",
    ),
    "elixir: Phoenix with assets": image(
        {"mix.exs": PHOENIX, "mix.lock": ""},
        framework="phoenix",
        version="~> 1.15",
        commands=[
            "mix deps.get --only prod",
            "mix assets.deploy",
            "mix release --overwrite --path _release",
        ],
        web="_release/bin/shop start",
        reasons=["the release is named shop (mix.exs:3)"],
    ),
    "elixir: no dependencies to fetch": image(
        {"mix.exs": MIX, ".tool-versions": "elixir 1.17.3-otp-27\n"},
        framework="elixir",
        version="1.17.3-otp-27",
        install=None,
    ),
    "elixir: named release": image(
        {"mix.exs": f"{MIX}      releases: [\n        store: [applications: []]\n      ]\n"},
        web="_release/bin/store start",
    ),
    "go: the module's own package comes before its commands": image(
        {"go.mod": "module shop\n\ngo 1.25.3\n", "main.go": MAIN, "cmd/tool/main.go": MAIN},
        language="go",
        version="1.25.3",
        commands=["go mod download", f"{GO} bin/app ."],
        web="./bin/app",
        reasons=["the module is a main package (main.go)", "Go 1.25.3 is requested (go.mod:3)"],
    ),
    **{
        f"go: {chosen} is the command that serves among {', '.join(names)}": image(
            {"go.mod": "module shop", **{f"cmd/{name}/run.go": MAIN for name in names}},
            last=f"{GO} bin/app ./cmd/{chosen}",
            reasons=[
                f"cmd/{chosen} is a main package; other programs: {others} (cmd/{chosen}/run.go)"
            ],
        )
        for names, chosen, others in (
            (["worker", "api"], "api", "worker"),
            (["zebra", "ant"], "ant", "zebra"),
            (["tool", "server", "api"], "server", "api, tool"),
        )
    },
    "go: a Procfile gets all commands by name": image(
        {
            "go.mod": "module shop",
            "cmd/api/a.go": MAIN,
            "cmd/worker/b.go": MAIN,
            "Procfile": "web: bin/api\nworker: bin/worker\n",
        },
        last=f"{GO} bin/ ./cmd/api ./cmd/worker",
        web="bin/api",
    ),
    "go: first module of a workspace with a program": image(
        {
            "go.work": "go 1.24\n\nuse (\n\t./libs\n\t./web // ours\n)\n",
            "libs/go.mod": "",
            "libs/a.go": "package libs",
            "web/go.mod": "",
            "web/main.go": MAIN,
        },
        version="1.24",
        last=f"{GO} bin/app ./web",
    ),
    "go: a directory of a module is a package of it": image(
        {**MODULE, "cmd/api/main.go": MAIN, "cmd/api/b.go": MAIN},
        "cmd/api",
        version="1.24",
        commands=["go mod download", f"{GO} bin/app ."],
    ),
    "go: a single file needs no module": image(
        {"main.go": MAIN}, commands=[f"{GO} bin/app main.go"]
    ),
    "go: vendored packages are not downloaded": image(
        {"go.mod": "module shop", "vendor/modules.txt": "", "main.go": MAIN}, install=None
    ),
    **{
        f"go: {required} means {framework}": image(
            {"go.mod": f"module shop\n\n{required}\n", "main.go": MAIN}, framework=framework
        )
        for required, framework in (
            ("require github.com/gin-gonic/gin v1.10.0", "gin"),
            ("require (\n\tgithub.com/labstack/echo/v4 v4.1.0\n)", "echo"),
            ("require github.com/gofiber/fiber/v2 v2.0.0", "fiber"),
            ("require github.com/gofiber/fiber-contrib v1.0.0", "go"),
        )
    },
    "go: environment variables without those of the platform": image(
        {
            "go.mod": "module shop",
            "main.go": 'package main\nvar a, b = os.Getenv("DATABASE_URL"), os.Getenv("PORT")\n',
        },
        env=("DATABASE_URL",),
    ),
    "java: Spring Boot gets the port as an option": image(
        {"pom.xml": SPRING},
        framework="spring",
        manager="maven",
        web=f"{JAVA} -Dserver.port=$PORT -jar _built/app.jar",
        reasons=["the build uses org.springframework.boot (pom.xml:3)"],
    ),
    "java: a Procfile finds the JAR where Maven puts it": image(
        {"pom.xml": SPRING, "Procfile": "web: java -jar target/shop.jar\n"},
        commands=[f"mvn {MVN}"],
    ),
    **{
        f"java: version {version} of {list(files)[-1]}": image(files, version=version)
        for files, version in (
            ({"pom.xml": f"{SPRING}<java.version>17</java.version>"}, "17"),
            ({"pom.xml": SPRING, ".java-version": "21\n"}, "21"),
            (
                {"pom.xml": SPRING, ".tool-versions": "java temurin-21.0.2+13\n"},
                "temurin-21.0.2+13",
            ),
            ({"pom.xml": SPRING, "system.properties": "java.runtime.version=11\n"}, "11"),
            ({"build.gradle.kts": "io.ktor.plugin\nkotlin { jvmToolchain(25) }"}, "25"),
            ({"build.gradle": "io.ktor.plugin\nJavaVersion.VERSION_1_8"}, "8"),
        )
    },
    "php: index.php alone": image(
        {"index.php": "<?php"},
        commands=[],
        web="exec apache2-foreground",
        reasons=["index.php handles all requests (index.php)"],
    ),
    "php: public/index.php comes first": image(
        {"composer.json": "{}", "public/index.php": "", "index.php": ""},
        commands=[COMPOSER],
        reasons=["public/index.php handles all requests (public/index.php)"],
    ),
    "php: Laravel with assets": image(
        LARAVEL,
        framework="laravel",
        language="php",
        version="^8.2",
        commands=[COMPOSER, "npm ci", "npm run build"],
        web="exec apache2-foreground",
        reasons=["laravel/framework is required (composer.json:3)"],
    ),
    "php: Symfony warms up its cache": image(
        {
            "composer.json": '{"require": {"symfony/framework-bundle": "7"}}',
            "public/index.php": "",
        },
        framework="symfony",
        last="php bin/console cache:warmup --env=prod --no-debug",
    ),
    **{
        f"php: version {version}": image({**files, "index.php": ""}, version=version)
        for files, version in (
            ({".php-version": "8.3\n", ".tool-versions": "php 8.2.1"}, "8.3"),
            ({".tool-versions": "nodejs 22\nphp 8.2.1\n"}, "8.2.1"),
            ({"mise.toml": '[tools]\nphp = "8.1"'}, "8.1"),
        )
    },
    "php: environment variables": image({"index.php": PHP_ENV}, env=("A_KEY", "B_KEY", "C_KEY")),
    "ruby: Rails with its server and assets": image(
        {
            "Gemfile": 'source "https://rubygems.org"\ngem "rails", "~> 8.0"\ngem "propshaft"\n',
            "config.ru": "",
            ".ruby-version": "ruby-3.4.1\n",
        },
        framework="rails",
        version="ruby-3.4.1",
        commands=[
            "bundle install",
            "SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile",
        ],
        web="bundle exec rails server -b ${HOST:-0.0.0.0} -p $PORT -P /tmp/server.pid",
        reasons=["rails is listed (Gemfile:2)"],
    ),
    "ruby: Rails without assets": image({"Gemfile": RAILS}, commands=["bundle install"]),
    "ruby: packages for the bundler of Rails": image(
        {"Gemfile": f"{RAILS}gem 'jsbundling-rails'\n", "package.json": "{}", "yarn.lock": ""},
        commands=[
            "bundle install",
            "npx --yes yarn@1.22.22 install --frozen-lockfile",
            "SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile",
        ],
    ),
    "ruby: Puma serves Rack": image(
        {"Gemfile": "gem 'sinatra'\ngem 'puma'\n", "config.ru": ""},
        web="bundle exec puma -b tcp://${HOST:-0.0.0.0}:$PORT",
    ),
    "ruby: Rackup serves Rack": image(
        {"Gemfile": "gem 'roda'\ngem 'rackup'\n", "config.ru": ""},
        web="bundle exec rackup -E production -o ${HOST:-0.0.0.0} -p $PORT",
    ),
    "ruby: Sinatra without config.ru": image(
        {"Gemfile": "gem 'sinatra'\n", "app.rb": SINATRA},
        framework="sinatra",
        web="bundle exec ruby app.rb -e production -o ${HOST:-0.0.0.0} -p $PORT",
    ),
    "ruby: locked gems count as listed": image(
        {"Gemfile": "gemspec\n", "Gemfile.lock": GEMS, "config.ru": ""},
        framework="rack",
        version="3.3.5",
        web="bundle exec puma -b tcp://${HOST:-0.0.0.0}:$PORT",
    ),
    "ruby: version of the Gemfile": image(
        {"Gemfile": f"ruby '~> 3.3.0'\n{RAILS}"},
        version="~> 3.3.0",
        reasons=["Ruby ~> 3.3.0 is requested (Gemfile:1)"],
    ),
    "ruby: a Procfile keeps the installation": image(
        {"Gemfile": "gem 'rack'\n", "Procfile": "web: bundle exec falcon serve\n"},
        language="ruby",
        commands=["bundle install"],
        web="bundle exec falcon serve",
    ),
    "ruby: comes before Node.js": image(
        {"Gemfile": RAILS, "package.json": '{"scripts": {"start": "node a.js"}}'},
        framework="rails",
    ),
    "rust: locked binary of a crate": image(
        {
            "Cargo.toml": CRATE,
            "Cargo.lock": "",
            "src/main.rs": "",
            "rust-toolchain.toml": '[toolchain]\nchannel = "1.88"\n',
        },
        framework="axum",
        version="1.88",
        commands=[
            "cargo fetch --locked",
            f'cargo build --release --locked --bin shop && install -D -t bin {RELEASE}/shop"',
        ],
        web="./bin/shop",
        reasons=["axum is listed (Cargo.toml:5)"],
    ),
    "rust: member of the workspace that serves": image(
        CRATES,
        web="./bin/server",
        reasons=["server is a binary; other binaries: cli (crates/server/Cargo.toml:2)"],
    ),
    "rust: default-run decides": image(
        {"Cargo.toml": BINARIES.replace('"shop"\n', '"shop"\ndefault-run = "b"\n')},
        web="./bin/b",
    ),
    "rust: a Procfile gets all binaries": image(
        {"Cargo.toml": BINARIES, "Procfile": "web: bin/a\nworker: bin/b\n"},
        last=(
            f'cargo build --release --bin a --bin b && install -D -t bin {RELEASE}/a" {RELEASE}/b"'
        ),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


@pytest.mark.parametrize(
    ("build", "framework", "task", "start"),
    [
        ("id 'org.springframework.boot'", "spring", "bootJar", "-Dserver.port=$PORT -jar"),
        ("id 'io.ktor.plugin'", "kotlin", "buildFatJar", "-jar _built/app.jar"),
        ("id 'io.quarkus'", "quarkus", "quarkusBuild", "-Dquarkus.http.port=$PORT"),
        ("id 'application'\nmainClass = 'A'", "java", "installDist", "find _built/bin"),
    ],
)
def test_gradle_plugin_determines_the_task(
    build: str, framework: str, task: str, start: str
) -> None:
    plan = plan_of({"build.gradle": build, "gradlew": ""}, image=True)

    assert framework == plan.framework
    assert plan.build[0].command.startswith(f"sh gradlew --no-daemon -x test {task} && ")
    assert start in plan.processes["web"].command


@pytest.mark.parametrize(
    ("wrapper_files", "maven_command"),
    [({}, "mvn"), ({"mvnw": "", ".mvn/wrapper/maven-wrapper.properties": ""}, "sh mvnw")],
)
def test_maven_wrapper_takes_precedence(wrapper_files: dict[str, str], maven_command: str) -> None:
    """The wrapper in the repository determines the version of Maven."""
    plan = plan_of({"pom.xml": SPRING, **wrapper_files}, image=True)

    assert plan.build[0].command.startswith(f"{maven_command} {MVN} && find target ")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"deno.json": "{}", "lib/a.ts": ""}, r"no start task and no program such as main\.ts"),
        (
            {"Shop.csproj": '<Project Sdk="Microsoft.NET.Sdk"></Project>'},
            "no project is a web application",
        ),
        ({"mix.exs": "defmodule Shop do\nend\n"}, "declares no application"),
        (
            {
                "go.mod": "module shop",
                "shop.go": "package shop",
                "main_test.go": MAIN,
                "gen.go": f"//go:build ignore\n\n{MAIN}",
            },
            "no main package was found",
        ),
        ({"build.gradle": "id 'java-library'"}, "builds nothing that can be started"),
        (
            {"composer.json": "{}", "src/Shop.php": ""},
            r"no index\.php \(looked for public/index\.php",
        ),
        ({"Gemfile": "gem 'rails-i18n'\n"}, "the Gemfile does not list rails"),
        *(
            ({"Cargo.toml": f'[package]\nname = "{name}"\n', "src/main.rs": ""}, "no crate has")
            for name in ("a; rm -rf /", "a\\nRUN b", "../a", "$(a)")
        ),
    ],
)
def test_repository_without_a_program_is_refused(files: dict[str, str], message: str) -> None:
    """Libraries, and names that would be unsafe in a command, are refused."""
    with pytest.raises(DetectionError, match=message):
        plan_of(files, image=True)
