"""Finds bots and queue consumers: programs that work without listening on a port."""

import ast
from collections.abc import Iterator, Sequence

from attrs import frozen

from pushpaka_core.detection.python.dependencies import PythonProject
from pushpaka_core.detection.python.entry_points import find_entry_point
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.script_frameworks import PLAIN_SCRIPT
from pushpaka_core.detection.python.scripts import Script
from pushpaka_core.detection.python.start_commands import python_path_prefix
from pushpaka_core.detection.python.syntax import assignments, import_time_statements
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import Evidence

WORKER_SCRIPTS = ("bot.py", "worker.py", "consumer.py")
"""Names of scripts that are workers, even if the project does not depend on a worker library."""

_STEMS = ("bot", "worker", "consumer", "main", "__main__", "app", "run", "start", "index")
"""Common names of scripts that run a worker, in order of preference, without suffixes."""
_ARQ_SETTINGS = "WorkerSettings"
_DIRECTORIES = frozenset({"", "src", "app", "bot", "worker"})
_LIBRARIES = {
    "discord-py": "discord",
    "discord": "discord",
    "py-cord": "discord",
    "nextcord": "nextcord",
    "disnake": "disnake",
    "hikari": "hikari",
    "python-telegram-bot": "telegram",
    "aiogram": "aiogram",
    "pytelegrambotapi": "telebot",
    "telethon": "telethon",
    "slack-bolt": "slack_bolt",
    "twitchio": "twitchio",
    "matrix-nio": "nio",
    "rq": "rq",
    "pika": "pika",
    "aio-pika": "aio_pika",
    "kafka-python": "kafka",
    "confluent-kafka": "confluent_kafka",
    "aiokafka": "aiokafka",
    "nats-py": "nats",
    "paho-mqtt": "paho",
    "apscheduler": "apscheduler",
}
"""Distributions of libraries for bots, queues and schedules, with the module that each provides."""
_NOTHING_LISTENS = Evidence(reason="nothing in the code listens on a port, so it runs as a worker")


@frozen(kw_only=True)
class Worker:
    """A command that runs a worker, and the reasons for it."""

    command: str
    evidence: tuple[Evidence, ...]


def find_worker(modules: Sequence[Module], tree: FileTree, project: PythonProject) -> Worker | None:
    """
    Return the worker of a project in which nothing listens, or None.

    A direct dependency must be a library for bots or queues, and there must be an object that its
    own command runs, or a script with a common name.
    """
    importable = [module for module in modules if module.is_importable]
    for package, find in (("celery", _celery), ("dramatiq", _dramatiq), ("arq", _arq)):
        if package in project.listed and (worker := next(find(importable), None)):
            return _explained(worker.command, project.listed[package], *worker.evidence)
    for package, name in _LIBRARIES.items():
        users = [module for module in modules if module.imports(name)]
        if package in project.listed and users:
            if script := _script(users) or _script(modules):
                why = Evidence(reason="this is a common name for a worker", path=script.module.path)
                return _explained(script.command, project.listed[package], why)
            if entry := find_entry_point(tree, project):
                return _explained(entry.name, project.listed[package], entry.evidence())
    return None


def _explained(command: str, *evidence: Evidence) -> Worker:
    return Worker(command=command, evidence=(*evidence, _NOTHING_LISTENS))


def _script(modules: Sequence[Module]) -> Script | None:
    usual = [
        module
        for module in modules
        if module.stem in _STEMS
        and (module.stem == "__main__" or module.path.rpartition("/")[0] in _DIRECTORIES)
        and module.syntax.body
    ]
    found = min(usual, key=lambda m: (m.path.count("/"), _STEMS.index(m.stem)), default=None)
    return Script(framework=PLAIN_SCRIPT, module=found) if found else None


def _celery(modules: Sequence[Module]) -> Iterator[Worker]:
    """Yield a worker for each Celery application."""
    for module in modules:
        for statement in import_time_statements(module.syntax.body):
            for target, value in assignments(statement):
                called = module.resolve(value.func) if isinstance(value, ast.Call) else None
                if called in {"celery.Celery", "celery.app.Celery"}:
                    command = f"celery --app {module.name}:{target.id} worker --loglevel info"
                    reason = f"`{target.id}` is a Celery application"
                    yield _worker_in(module, command, reason, statement.lineno)


def _dramatiq(modules: Sequence[Module]) -> Iterator[Worker]:
    """Yield a worker for all modules with Dramatiq actors on the same import path."""
    users = [module for module in modules if any(_actors(module))]
    if users:
        first = users[0]
        names = " ".join(module.name for module in users if module.root == first.root)
        yield _worker_in(first, f"dramatiq {names}", "the module defines Dramatiq actors", None)


def _actors(module: Module) -> Iterator[bool]:
    """Yield for each decorator of the module's functions whether it makes a Dramatiq actor."""
    for statement in import_time_statements(module.syntax.body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            for one in statement.decorator_list:
                decorator = one.func if isinstance(one, ast.Call) else one
                yield module.resolve(decorator) == "dramatiq.actor"


def _arq(modules: Sequence[Module]) -> Iterator[Worker]:
    """Yield a worker for each class with arq's settings."""
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.ClassDef) and node.name == _ARQ_SETTINGS:
                command = f"arq {module.name}.{node.name}"
                reason = f"`{node.name}` has the settings of an arq worker"
                yield _worker_in(module, command, reason, node.lineno)


def _worker_in(module: Module, command: str, reason: str, line: int | None) -> Worker:
    return Worker(
        command=python_path_prefix(module.root) + command,
        evidence=(Evidence(reason=reason, path=module.path, line=line),),
    )
