"""A tiny application in each language whose toolchain can be had, built into an image and run."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.engine.deployed import Files, deployed

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker"), pytest.mark.timeout(600)]

HELLO = "Hello from the image."
GO = f"""\
package main

import (
	"net"
	"os"
)

func main() {{
	listener, _ := net.Listen("tcp", ":"+os.Getenv("PORT"))
	for {{
		connection, _ := listener.Accept()
		connection.Read(make([]byte, 4096))
		connection.Write([]byte("HTTP/1.0 200 OK\\r\\n\\r\\n{HELLO}"))
		connection.Close()
	}}
}}
"""
RUST = f"""\
use std::io::{{Read, Write}};

fn main() {{
    let port = std::env::var("PORT").unwrap();
    let listener = std::net::TcpListener::bind(format!("0.0.0.0:{{port}}")).unwrap();
    for stream in listener.incoming() {{
        let mut stream = stream.unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\\r\\n\\r\\n{HELLO}");
    }}
}}
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
_NODE = f"""\
const kind = require('ms')('1 day')
require('http').createServer((_, answer) => answer.end('{HELLO}')).listen(process.env.PORT)
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


_LOCKS = Path(__file__).with_name("locks")
_PACKAGE = {
    "name": "shop",
    "version": "1.0.0",
    "dependencies": {"ms": "2.1.3"},
    "scripts": {"start": "node index.js"},
}
_PROJECT = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["bottle==0.13.4"]
[tool.poetry]
package-mode = false
[tool.pdm]
distribution = false
"""


def _node(lock: str, **fields: object) -> Files:
    text = (_LOCKS / lock).read_text()
    return {"package.json": json.dumps(_PACKAGE | fields), lock: text, "index.js": _NODE}


def _python(lock: str) -> Files:
    text = (_LOCKS / lock).read_text()
    return {"pyproject.toml": _PROJECT, lock: text, "app.py": _BOTTLE}


NODE, PYTHON = "node:22-slim", "python:3.13-slim"
APPLICATIONS: Mapping[str, tuple[tuple[str, ...], Files]] = {
    "bun": ((NODE,), _node("bun.lock", scripts={"start": "bun index.js"})),
    "deno": (
        ("denoland/deno:debian",),
        {"deno.json": '{"imports": {"ms": "npm:ms@2.1.3"}}', "main.ts": _DENO},
    ),
    "elixir": (("elixir:1.18-slim",), {"mix.exs": _MIX, "lib/shop.ex": _ELIXIR}),
    "go": (("golang:1.24",), {"go.mod": "module shop\n\ngo 1.24\n", "main.go": GO}),
    "java": (
        ("maven:3-eclipse-temurin-21", "eclipse-temurin:21-jre"),
        {"pom.xml": _POM, "src/main/java/Main.java": _JAVA},
    ),
    "npm": ((NODE,), _node("package-lock.json")),
    "pdm": ((PYTHON,), _python("pdm.lock")),
    "php": (("php:8.4-apache",), {"index.php": f'<?php echo "{HELLO}";'}),
    "pip": ((PYTHON,), {"requirements.txt": "bottle==0.13.4\n", "app.py": _BOTTLE}),
    "pnpm": ((NODE,), _node("pnpm-lock.yaml")),
    "poetry": ((PYTHON,), _python("poetry.lock")),
    "ruby": (
        ("ruby:3.3-slim",),
        {
            ".ruby-version": "3.3\n",
            "Gemfile": 'gem "sinatra"\ngem "puma"\n',
            "config.ru": f'require "sinatra"\nget("/") {{ "{HELLO}" }}\nrun Sinatra::Application\n',
        },
    ),
    "rust": (
        ("rust:1",),
        {
            "Cargo.toml": '[package]\nname = "shop"\nversion = "1.0.0"\nedition = "2021"\n',
            "src/main.rs": RUST,
        },
    ),
    "shell": ((), {"start.sh": _SHELL}),
    "static": (("caddy:2",), {"index.html": HELLO}),
    "static and a worker": (
        ("caddy:2",),
        {"public/index.html": HELLO, "Procfile": "worker: sleep 600\n"},
    ),
    "uv": ((PYTHON,), _python("uv.lock")),
    "yarn": ((NODE,), _node("yarn.lock")),
}
"""The base images and the files of each application, by what it shows."""


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_application_is_built_and_answers(name: str, tmp_path: Path) -> None:
    """In a container without rights, whose files cannot be written."""
    bases, files = APPLICATIONS[name]

    async with deployed(tmp_path, bases, files) as application:
        answer = await application.answer()

    assert HELLO == answer
