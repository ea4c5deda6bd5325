"""Methods of ports return a user's resources only for an actor who may see them."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, NewType, get_args, get_type_hints
from uuid import UUID

from pushpaka_core import ports
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.users import User

UNSCOPED = {
    "ApiTokens.find_by_digest": "authenticates the caller by a secret that only they know",
    "ApiTokens.find_with_owner": "authenticates the caller by a secret that only they know",
    "ArchiveFiles.remove": "the garbage collector deletes files without an archive",
    "Archives.list_removable_of_user": "only deletes archives, to make room for new ones",
    "Archives.list_removable": "the garbage collector looks for unused archives of all users",
    "AuditEntries.page": "the id is a filter; the service checks who may read all entries",
    "Builder.artifacts": "the garbage collector looks for unused artifacts of all users",
    "DeploymentQueue.notify": "wakes a worker and returns nothing",
    "Deployments.all": "workers and the reconciler process the deployments of all users",
    "Deployments.claim": "a worker claims the next deployment of any user",
    "Deployments.list_draining": "the reconciler processes the deployments of all users",
    "Deployments.find_by_idempotency_key": "the id is the caller's, who finds only their own",
    "EventBus.subscribe": "carries hints only; subscribers read the data as an actor",
    "Instances.all": "the reconciler processes the instances of all users",
    "Instances.store_output_position": "records the position of a worker and returns nothing",
    "Logs.append": "a worker writes under its fence, and gets only what it has written",
    "Logs.last_excess_seq": "a worker trims the log that it writes",
    "Logs.remove": "workers delete excess lines, and the garbage collector old ones",
    "Outbox.list_due": "a worker sends the messages of all users",
    "Projects.list_being_deleted": "the reconciler deletes the remains of all projects",
    "Releases.all": "the garbage collector processes the releases of all users",
    "SnapshotFiles.read": "a worker reads the file that it has written, or that the owner restores",
    "SnapshotFiles.remove": "deletes a file and returns nothing",
    "SnapshotFiles.remove_unused": "deletes files and returns nothing",
    "SnapshotFiles.write": "a worker stores the snapshot that it takes, and gets nothing",
    "TokenSigner.sign": "issues a token to a user who has just been authenticated",
    "TokenSigner.verify": "authenticates the caller",
    "Source.remove_cache": "the garbage collector deletes the cache of a deleted project",
    "Targets.all": "the reconciler processes the targets of all users",
    "TimelineEvents.remove": "the garbage collector deletes old events",
    "Users.find_by_token": "authenticates the caller",
    "Users.get": "authenticates the caller, and finds the owner of a project",
    "Users.quota_usage": "counts the resources of one user, and only they see the result",
    "Volumes.restoring": "a worker restores the volumes of all users",
    "Workers.remove": "workers do not belong to users",
    "Workspaces.leases": "the garbage collector looks for unused workspaces of all users",
}
"""Methods without an actor, and the reasons why they leak nothing."""


LISTS = {"all", "page", "of_project", "of_projects", "of_volume", "own_roles", "versions"}
SOURCE = Path(ports.__file__).parents[1]


def test_ports_return_resources_only_to_an_actor() -> None:
    """UNSCOPED lists exactly the methods that need no actor, with the reasons."""
    found = {name for name, method in _methods() if _is_unscoped(method)}

    assert set(UNSCOPED) == found


def test_scoped_repositories_need_an_actor() -> None:
    givers = {
        name: list(_hints(method)[0].values())
        for name, method in _methods()
        if getattr(get_type_hints(method).get("return"), "__name__", "").startswith("Visible")
    }

    assert givers
    assert [] == [name for name, taken in givers.items() if taken != [Actor]]
    assert {"visible_to"} == {name.partition(".")[2] for name in givers}


def test_services_check_roles_in_one_place() -> None:
    """The only other place is `api_tokens`, because tokens belong to a user, not to a project."""
    modules = [
        path
        for name in ("services", "../pushpaka_http", "../pushpaka_worker")
        for path in sorted((SOURCE / name).rglob("*.py"))
    ]

    found = [path.name for path in modules if any(_lines_without_role_check(path.read_text()))]

    assert ["api_tokens.py", "permissions.py"] == found


def _lines_without_role_check(text: str) -> Iterator[int]:
    """Yield the numbers of lines in *text* that get a single resource without a role check."""
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
    """Yield the methods of all ports by name, except those of repositories scoped to an actor."""
    for module in _modules():
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == module.__name__ and _is_port(cls):
                for name, method in vars(cls).items():
                    if inspect.isfunction(method) and not name.startswith("_"):
                        yield f"{cls.__name__}.{name}", method


def _modules() -> Iterator[ModuleType]:
    for each in walk_packages(ports.__path__, f"{ports.__name__}."):
        yield import_module(each.name)


def _is_port(cls: type) -> bool:
    return getattr(cls, "_is_protocol", False) and not cls.__name__.startswith("Visible")


def _is_unscoped(method: Any) -> bool:
    taken, given = _hints(method)
    types = [part for hint in taken.values() for part in _parts(hint)]
    if any(_is_id(each) for each in types):
        return True
    says_for_whom = any(each in (Actor, User) or _has_owner(each) for each in types)
    return any(_has_owner(each) for each in _parts(given)) and not says_for_whom


def _hints(method: Any) -> tuple[dict[str, Any], Any]:
    hints = get_type_hints(method)
    given = hints.pop("return", None)
    return hints, given


def _parts(hint: Any) -> Iterator[Any]:
    """Yield a type, and recursively its type arguments."""
    yield hint
    for part in hint if isinstance(hint, list) else get_args(hint):
        yield from _parts(part)


def _is_id(hint: Any) -> bool:
    return isinstance(hint, NewType) and hint.__supertype__ is UUID


def _has_owner(hint: Any) -> bool:
    """Return True if a type has a field with the id of its user, project or deployment."""
    fields = {each.name for each in getattr(hint, "__attrs_attrs__", ())}
    return bool(fields & {"user_id", "project_id", "deployment_id"})
