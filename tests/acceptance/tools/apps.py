"""Applications to deploy: the examples, and small ones that obey commands in requests."""

import shutil
from pathlib import Path

from pushpaka_core.testing.repositories import Repository

COMMAND = "python3 app.py"
"""The start command of a small application."""
EXAMPLES = Path(__file__).parents[3] / "examples" / "apps"

_SERVER = """\
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

PROCESS = uuid4().hex
VERSION = "{version}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        match self.path.split("/")[1:]:
            case ["crash", code]:
                os._exit(int(code))
            case ["env", name]:
                self.say(os.environ.get(name, "(not set)"))
            case ["pid"]:
                self.say(str(os.getpid()))
            case ["process"]:
                self.say(PROCESS)
            case ["print", text]:
                print(text, flush=True)
                self.say("printed")
            case ["flood", size]:
                print("x" * int(size), flush=True)
                self.say("printed")
            case ["slow", seconds]:
                time.sleep(float(seconds))
                self.say(VERSION)
            case ["stray", mark]:
                sleeper = [sys.executable, "-c", "import time; time.sleep(600)", mark]
                subprocess.Popen(sleeper, start_new_session=True)
                self.say("started")
            case _:
                self.say(VERSION)

    def say(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


_WORK = """\
import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("Off work", flush=True)))
print("At work", flush=True)
signal.pause()
"""
WORKER = {"app.py": _WORK, "Procfile": f"worker: exec {COMMAND}\n"}
"""An application without a web process."""


def server(version: str) -> dict[str, str]:
    """Return the files of an application that obeys commands in requests. `/` returns *version*."""
    return program(_SERVER.format(version=version))


def program(source: str) -> dict[str, str]:
    """Return the files of an application whose web process is the Python program *source*."""
    return {"app.py": source, "Procfile": f"web: exec {COMMAND}\n"}


def repository_of(path: Path, files: dict[str, str]) -> Repository:
    """Return a new repository with *files*."""
    made = Repository.create(path)
    made.commit("Begin", files)
    return made


def example(path: Path, name: str) -> Repository:
    """Return a repository made from an example application."""
    made = Repository.create(path)
    unwanted = shutil.ignore_patterns(".venv", "__pycache__")
    shutil.copytree(EXAMPLES / name, path, dirs_exist_ok=True, ignore=unwanted)
    made.commit("Begin")
    return made


def edit(repository: Repository, file_name: str, old_text: str, new_text: str) -> str:
    """Push a change of one file, and return its commit."""
    text = (repository.path / file_name).read_text()
    assert old_text in text
    return repository.commit(f"Change {file_name}", {file_name: text.replace(old_text, new_text)})
