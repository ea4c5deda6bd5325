"""Whose things are asked for: what a port gives out, it gives to somebody who may see it."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, NewType, Protocol, get_args, get_type_hints
from uuid import UUID

import pytest

from pushpaka_core import ports
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import User
from pushpaka_core.domain.workers import WorkerProcess

UNSCOPED = {
    "ApiTokens.find_by_digest": "the platform finds out who asks, by what only they know",
    "ApiTokens.find_with_owner": "the platform finds out who asks, by what only they know",
    "Archives.unneeded": "the sweep looks for what nobody needs any more",
    "AuditTrail.page": "the id is of whose entries are wanted; the service asks who may have all",
    "Builder.artifacts": "the sweep looks for what nobody needs any more",
    "DeploymentQueue.announce": "wakes a worker, and gives nothing out",
    "Deployments.all": "the worker and the reconciler look after everybody's",
    "Deployments.claim": "a worker takes the next job, whoever it is of",
    "Deployments.draining": "the reconciler looks after everybody's",
    "Deployments.find_idempotent": "the id is of who asks, and finds what they made themselves",
    "EventBus.subscribe": "who watches subscribes first and then looks; nothing is shown before",
    "Instances.all": "the reconciler looks after everybody's",
    "Instances.mark_read": "notes how far a worker has read, and gives nothing out",
    "Logs.append": "a worker writes under its fence, and is given what it has written itself",
    "Logs.excess": "a worker asks what is too much of the log that it writes",
    "Logs.remove": "a worker takes away what is too much, and the sweep what is too old",
    "Outbox.due": "a worker sends everybody's messages",
    "Projects.deleted": "the reconciler takes away what is left of everybody's",
    "Releases.all": "the sweep looks after everybody's",
    "Signer.sign": "makes a token for who has just proven who they are",
    "Signer.verify": "finds out who asks",
    "Source.forget": "the sweep takes away what is left of a deleted project",
    "Targets.all": "the reconciler looks after everybody's",
    "Timeline.remove": "the sweep takes away what is too old",
    "Users.carrying": "the platform finds out who asks",
    "Users.get": "the platform finds out who asks, and who owns a project",
    "Users.holding": "counts what a quota is about, and whoever takes of it is told of it alone",
    "Workers.remove": "a worker is nobody's",
    "Workspaces.leases": "the sweep looks for what nobody needs any more",
}
"""What platform code may ask without saying for whom, and why nobody's things get out by it."""


LISTS = {"all", "page", "of_project", "of_projects", "own_roles", "versions"}
SOURCE = Path(ports.__file__).parents[1]


def test_no_port_gives_out_what_nobody_was_asked_for() -> None:
    """Each method is told who asks, or what they have seen already, or is known not to need it."""
    found = {name for name, method in _methods() if _is_unscoped(method)}

    assert set(UNSCOPED) == found


def test_what_somebody_may_see_is_had_by_saying_who_it_is() -> None:
    """The parts of the storage that take bare ids are given out for one actor each."""
    givers = {
        name: list(_hints(method)[0].values())
        for name, method in _methods()
        if getattr(get_type_hints(method).get("return"), "__name__", "").startswith("Visible")
    }

    assert givers
    assert [] == [name for name, taken in givers.items() if taken != [Actor]]
    assert {"visible_to"} == {name.partition(".")[2] for name in givers}


def test_services_ask_for_roles_in_one_place() -> None:
    """
    Nobody is given a thing to do something with but by `roles`, which asks what they may do.

    An API token is a person's own, and no project's.
    """
    modules = [
        path
        for name in ("services", "../pushpaka_http", "../pushpaka_worker")
        for path in sorted((SOURCE / name).rglob("*.py"))
    ]

    found = [path.name for path in modules if any(_given_without_a_role(path.read_text()))]

    assert ["api_tokens.py", "roles.py"] == found


@pytest.mark.parametrize(
    "text",
    [
        "await uow.projects.visible_to(actor).get(id)",
        "await uow.projects.visible_to(PLATFORM if really else actor).get(id)",
        "visible = uow.projects.visible_to(actor)",
        "get = uow.projects.visible_to",
    ],
)
def test_each_way_to_pass_by_a_role_is_seen(text: str) -> None:
    """A test that sees nothing would hold for everything."""
    assert list(_given_without_a_role(text))


@pytest.mark.parametrize(
    "text",
    ["await uow.projects.visible_to(PLATFORM).get(id)", "await uow.projects.visible_to(a).all()"],
)
def test_the_platform_and_lists_need_no_role(text: str) -> None:
    """The platform is nobody's member, and who is in a list's project may at least read it."""
    assert [] == list(_given_without_a_role(text))


class _Examples(Protocol):
    async def by_id(self, id: DeploymentId, /) -> str: ...
    async def by_ids(self, *, ids: list[ProjectId] | None) -> None: ...
    async def everything(self) -> list[Deployment]: ...
    async def by_name(self, name: str, /) -> dict[str, Project] | None: ...


@pytest.mark.parametrize("name", ["by_id", "by_ids", "everything", "by_name"])
def test_each_way_to_forget_the_owner_is_seen(name: str) -> None:
    """A test that sees nothing would hold for everything."""
    assert _is_unscoped(getattr(_Examples, name))


class _Scoped(Protocol):
    async def of_project(self, project: Project, name: str, /) -> list[Deployment]: ...
    async def of_projects(self, projects: list[Project], /) -> list[Deployment]: ...
    def visible_to(self, actor: Actor, /) -> object: ...
    async def workers(self) -> list[WorkerProcess]: ...


@pytest.mark.parametrize("name", ["of_project", "of_projects", "visible_to", "workers"])
def test_who_says_for_whom_is_let_through(name: str) -> None:
    """What was seen speaks for its owner, and what is nobody's needs none."""
    assert not _is_unscoped(getattr(_Scoped, name))


def _given_without_a_role(text: str) -> Iterator[int]:
    """Yield the lines in which somebody is given more than a list."""
    tree = ast.parse(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "visible_to":
            call = parents[node]
            is_platforms = isinstance(call, ast.Call) and [
                isinstance(a, ast.Name) and a.id == "PLATFORM" for a in call.args
            ] == [True]
            asked = parents.get(call)
            is_list = isinstance(asked, ast.Attribute) and asked.attr in LISTS
            if not (is_platforms or is_list):
                yield node.lineno


def _methods() -> Iterator[tuple[str, Any]]:
    """Yield the methods of all ports but those of parts that are had by an actor alone."""
    for module in _modules():
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == module.__name__ and _is_port(cls):
                for name, method in vars(cls).items():
                    if inspect.isfunction(method) and not name.startswith("_"):
                        yield f"{cls.__name__}.{name}", method


def _modules() -> Iterator[ModuleType]:
    for each in iter_modules(ports.__path__):
        yield import_module(f"{ports.__name__}.{each.name}")


def _is_port(cls: type) -> bool:
    return getattr(cls, "_is_protocol", False) and not cls.__name__.startswith("Visible")


def _is_unscoped(method: Any) -> bool:
    taken, given = _hints(method)
    types = [part for hint in taken.values() for part in _parts(hint)]
    if any(_is_id(each) for each in types):
        return True
    says_for_whom = any(each in (Actor, User) or _is_somebodys(each) for each in types)
    return any(_is_somebodys(each) for each in _parts(given)) and not says_for_whom


def _hints(method: Any) -> tuple[dict[str, Any], Any]:
    hints = get_type_hints(method)
    given = hints.pop("return", None)
    return hints, given


def _parts(hint: Any) -> Iterator[Any]:
    """Yield a type with those that it is made of."""
    yield hint
    for part in hint if isinstance(hint, list) else get_args(hint):
        yield from _parts(part)


def _is_id(hint: Any) -> bool:
    return isinstance(hint, NewType) and hint.__supertype__ is UUID


def _is_somebodys(hint: Any) -> bool:
    """Tell whether a thing says by an id to whom or what it belongs."""
    fields = {each.name for each in getattr(hint, "__attrs_attrs__", ())}
    return bool(fields & {"user_id", "project_id", "deployment_id"})
