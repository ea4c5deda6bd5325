"""Tests a small application for each language whose toolchain can be installed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from attrs import frozen
from tests.engine.deployed import Files, deploy

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker"), pytest.mark.timeout(600)]

HELLO = "Hello from the image."
_LOCKS = Path(__file__).with_name("locks")
_NODE, _PYTHON = "node:22-slim", "python:3.13-slim"
_GO = """\
package main

import (
	"kind"
	"net"
	"os"
)

func main() {
	listener, _ := net.Listen("tcp", ":"+os.Getenv("PORT"))
	for {
		connection, _ := listener.Accept()
		connection.Read(make([]byte, 4096))
		connection.Write([]byte("HTTP/1.0 200 OK\\r\\n\\r\\n" + kind.Hello))
		connection.Close()
	}
}
"""
_RUST = """\
use std::io::{Read, Write};

fn main() {
    let port = std::env::var("PORT").unwrap();
    let listener = std::net::TcpListener::bind(format!("0.0.0.0:{port}")).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\\r\\n\\r\\n");
        let _ = stream.write_all(kind::HELLO.as_bytes());
    }
}
"""
_JAVA = f"""\
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public class Main {{
    public static void main(String[] args) throws Exception {{
        int port = Integer.parseInt(System.getenv("PORT"));
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
        server.createContext("/", exchange -> {{
            byte[] body = "{HELLO}".getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        }});
        server.start();
    }}
}}
"""
_POM = """\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>shop</groupId>
  <artifactId>shop</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>21</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <build><plugins><plugin>
    <artifactId>maven-jar-plugin</artifactId>
    <configuration><archive><manifest><mainClass>Main</mainClass></manifest></archive></configuration>
  </plugin></plugins></build>
</project>
"""
_MIX = """\
defmodule Shop.MixProject do
  use Mix.Project

  def project do
    [
      app: :shop,
      version: "1.0.0",
      elixir: "~> 1.15"
    ]
  end

  def application, do: [mod: {Shop, []}, extra_applications: [:logger]]
end
"""
_ELIXIR = f"""\
defmodule Shop do
  use Application

  def start(_type, _arguments) do
    port = String.to_integer(System.fetch_env!("PORT"))
    {{:ok, socket}} = :gen_tcp.listen(port, [:binary, active: false, reuseaddr: true])
    Supervisor.start_link([{{Task, fn -> answer(socket) end}}], strategy: :one_for_one)
  end

  defp answer(socket) do
    {{:ok, client}} = :gen_tcp.accept(socket)
    :gen_tcp.recv(client, 0)
    :gen_tcp.send(client, "HTTP/1.0 200 OK\\r\\n\\r\\n{HELLO}")
    :gen_tcp.close(client)
    answer(socket)
  end
end
"""
_DENO = f"""\
import ms from "ms";
if (ms("1 day") !== 86_400_000) Deno.exit(1);
Deno.serve(() => new Response("{HELLO}"));
"""
_BOTTLE = f"""\
import bottle

app = bottle.default_app()


@app.get("/")
def hello() -> str:
    return "{HELLO}"
"""
_SHELL = f"""\
exec perl -MIO::Socket -e '
my $all = IO::Socket::INET->new(LocalPort => $ENV{{PORT}}, Listen => 5, ReuseAddr => 1) or die;
while (my $one = $all->accept) {{ <$one>; print $one "HTTP/1.0 200 OK\\r\\n\\r\\n{HELLO}"; }}
'
"""
_PROJECT = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["bottle==0.13.4"]
[tool.pdm]
distribution = false
"""
_MEMBERS = {
    "package.json": json.dumps({"private": True, "workspaces": ["apps/*", "packages/*"]}),
    "apps/api/package.json": json.dumps(
        {
            "name": "api",
            "version": "1.0.0",
            "dependencies": {"kind": "1.0.0"},
            "scripts": {"start": "node index.js"},
        }
    ),
    "apps/api/index.js": (
        "const { hello } = require('kind')\n"
        "require('http').createServer((_, answer) => answer.end(hello)).listen(process.env.PORT)\n"
    ),
    "packages/kind/package.json": json.dumps(
        {
            "name": "kind",
            "version": "1.0.0",
            "dependencies": {"ms": "2.1.3"},
            "scripts": {"build": "cp source.js index.js"},
        }
    ),
    "packages/kind/source.js": f"require('ms')\nexports.hello = '{HELLO}'\n",
}
_COMPOSER = {
    "name": "shop/shop",
    "require": {"php": "^8.2", "laravel/framework": "*"},
    "repositories": [{"packagist.org": False}, {"type": "path", "url": "framework"}],
}
_FRAMEWORK = {
    "name": "laravel/framework",
    "version": "12.0.0",
    "autoload": {"files": ["storage.php"]},
}
_STORAGE = """\
<?php
function kept(string $text): string {
    $storage = getcwd() . '/storage';
    file_put_contents("$storage/framework/views/page", $text) === strlen($text) or exit(3);
    return file_get_contents("$storage/framework/views/page") . ' of '
        . file_get_contents("$storage/app/brought");
}
"""
_PROCFILE = """\
release: php work.php release
worker: php work.php worker
"""
_LARAVEL = {
    "Procfile": _PROCFILE,
    "composer.json": json.dumps(_COMPOSER),
    "framework/composer.json": json.dumps(_FRAMEWORK),
    "framework/storage.php": _STORAGE,
    "public/index.php": "<?php chdir('..'); require 'vendor/autoload.php'; echo kept('web');",
    "storage/app/brought": "the repository",
    "storage/framework/views/.gitignore": "*",
    "work.php": "<?php require 'vendor/autoload.php'; echo kept($argv[1]);",
}
"""A repository with the parts of Laravel that matter: its name, and its storage directory."""


@frozen
class App:
    """An application that responds with a greeting."""

    bases: Sequence[str]
    files: Files
    root_dir: str = ""


APPS: Mapping[str, App] = {
    "deno": App(
        ["denoland/deno:debian"],
        {"deno.json": '{"imports": {"ms": "npm:ms@2.1.3"}}', "main.ts": _DENO},
    ),
    "elixir": App(["elixir:1.18-slim"], {"mix.exs": _MIX, "lib/shop.ex": _ELIXIR}),
    "java": App(
        ["maven:3-eclipse-temurin-21", "eclipse-temurin:21-jre"],
        {"pom.xml": _POM, "src/main/java/Main.java": _JAVA},
    ),
    "pdm": App(
        [_PYTHON],
        {
            "pyproject.toml": _PROJECT,
            "pdm.lock": (_LOCKS / "pdm.lock").read_text(),
            "app.py": _BOTTLE,
        },
    ),
    "pip": App([_PYTHON], {"requirements.txt": "bottle==0.13.4\n", "app.py": _BOTTLE}),
    "ruby": App(
        ["ruby:3.3-slim"],
        {
            ".ruby-version": "3.3\n",
            "Gemfile": 'gem "sinatra"\ngem "puma"\n',
            "config.ru": f'require "sinatra"\nget("/") {{ "{HELLO}" }}\nrun Sinatra::Application\n',
        },
    ),
    "shell": App([], {"start.sh": _SHELL}),
    "cargo workspace": App(
        ["rust:1"],
        {
            "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\nresolver = "2"\n',
            "crates/api/Cargo.toml": (
                '[package]\nname = "api"\nversion = "1.0.0"\nedition = "2021"\n'
                '[dependencies]\nkind = { path = "../kind" }\n'
            ),
            "crates/api/src/main.rs": _RUST,
            "crates/kind/Cargo.toml": (
                '[package]\nname = "kind"\nversion = "1.0.0"\nedition = "2021"\n'
            ),
            "crates/kind/src/lib.rs": f'pub const HELLO: &str = "{HELLO}";\n',
        },
        "crates/api",
    ),
    "go workspace": App(
        ["golang:1.24"],
        {
            "go.work": "go 1.24\n\nuse (\n\t./kind\n\t./web\n)\n",
            "kind/go.mod": "module kind\n\ngo 1.24\n",
            "kind/kind.go": f'package kind\n\nconst Hello = "{HELLO}"\n',
            "web/go.mod": "module web\n\ngo 1.24\n",
            "web/main.go": _GO,
        },
    ),
    "yarn workspace": App(
        [_NODE], {**_MEMBERS, "yarn.lock": (_LOCKS / "yarn.lock").read_text()}, "apps/api"
    ),
}
"""The applications by language or package manager. Workspaces have the greeting in another package.

The examples in `tests/acceptance/test_examples_deployed.py` use npm, pnpm and uv.
"""


@pytest.mark.parametrize("name", APPS)
async def test_application_is_built_and_responds(name: str, tmp_path: Path) -> None:
    """The application works in a container without privileges and with a read-only file system."""
    app = APPS[name]

    async with deploy(tmp_path, app.bases, app.files, root_dir=app.root_dir) as application:
        answer = await application.answer()

    assert HELLO == answer


async def test_site_is_served_from_the_directory_that_its_build_created(tmp_path: Path) -> None:
    """If the configured directory is missing, a common one is used, and the build log says so.

    All paths of the single-page application return its page.
    """
    files = {
        "pushpaka.toml": (
            'static.directory = "site"\nstatic.fallback = "index.html"\n'
            f"commands.build = \"mkdir out && echo '{HELLO}' > out/index.html\"\n"
        ),
        "Procfile": "worker: sleep 600\n",
    }

    async with deploy(tmp_path, ["caddy:2"], files) as application:
        answers = [await application.answer(path) for path in ("/", "/some/where")]

    assert [f"{HELLO}\n"] * 2 == answers
    message = "The build did not create site. Serving out instead"
    assert message in "\n".join(application.build_log)


async def test_laravel_writes_to_its_storage_in_every_process(tmp_path: Path) -> None:
    """Each process has its own copy of the storage directory, with the repository's content."""
    bases = ["php:8.4-apache", "composer:2"]

    async with deploy(tmp_path, bases, _LARAVEL) as application:
        answer = await application.answer()
        outputs = [await application.run(process) for process in ("release", "worker")]

    assert "web of the repository" == answer
    assert ["release of the repository", "worker of the repository"] == outputs
