"""The Swarm as its manager tells it: what of ours is in it, and on which machines."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from operator import itemgetter
from typing import Any

from attrs import frozen
from docker.errors import APIError, NotFound

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.labels import DEPLOYMENT, GENERATION, NAME, PROJECT, Marks
from pushpaka_core.adapters.docker.swarm.tasks import Seen, Task
from pushpaka_core.domain.instances import Instance
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.ports.machines import Machine

_NOWHERE = "node.id==nowhere"
"""A constraint that no machine meets: it ends a task, and keeps what can be read of it."""
_CONFLICT, _CONFLICTS = 409, "name conflicts with an existing object"
_ANY = "0.0.0.0"  # noqa: S104 - read, not listened on


@frozen(kw_only=True)
class Cluster:
    """Blocks; see `Engine.call`."""

    engine: Engine
    marks: Marks

    def require_manager(self) -> None:
        """Pass if the engine is a manager of a Swarm; else raise RuntimeUnavailableError."""
        if not self.engine.client.info()["Swarm"].get("ControlAvailable"):
            raise RuntimeUnavailableError(
                "The Docker Engine is no manager of a Swarm. Run `docker swarm init` there, or set"
                " PUSHPAKA_DOCKER_URL to the engine of a manager."
            )

    def machines(self) -> Mapping[str, Machine]:
        """Return the nodes, by their ids."""
        return {node["ID"]: _machine(node) for node in self._api.nodes()}

    def seen(self, name: str) -> Seen | None:
        """
        Return the service of an instance, or what else bears our mark and is called so.

        It is asked for often, and what its task tells is mostly all that there is to see.
        """
        with suppress(NotFound):
            if own := _own(self._tasks({"service": self.marks.service(name)})):
                return _seen_in(name, own[0], self._machine_of(own[0]))
        service = self._service(name)
        if service is None:
            return None
        return _seen(service, self._tasks({"service": service["ID"]}), self.machines())

    def all(self) -> Iterator[Seen]:
        """Yield everything that bears our mark, secrets without a service among them."""
        machines, by_service = self.machines(), dict[str, list[Mapping[str, Any]]]()
        for task in self._tasks(dict(self.marks.filter)):
            by_service.setdefault(task["ServiceID"], []).append(task)
        secrets = {_name(secret): secret for secret in self._secrets()}
        for service in self._services():
            secrets.pop(_name(service), None)
            yield _seen(service, by_service.get(service["ID"], ()), machines)
        yield from map(_left, secrets.values())

    def crowds(self, instance: Instance) -> Sequence[Sequence[str]]:
        """
        Return which nodes an instance had better avoid, the longest list first and none at last.

        They have more of its like than others: a Swarm spreads the tasks of one service only.
        """
        alike = [f"{DEPLOYMENT}={instance.deployment_id}", f"{GENERATION}={instance.generation}"]
        free = (id_ for id_, machine in self.machines().items() if machine.is_free)
        counts = Counter(dict.fromkeys(free, 0))
        for task in self._tasks({"label": alike}):
            is_alike = f".{instance.process_type}." in _name(task, "ContainerSpec")
            if is_alike and task["DesiredState"] == "running" and task.get("NodeID") in counts:
                counts[task["NodeID"]] += 1
        limits = sorted(set(counts.values())) or [0]
        return [[id_ for id_, count in counts.items() if count > limit] for limit in limits]

    def banish(self, name: str) -> None:
        """Have the task of a service end, and none take its place. Harmless to repeat."""
        service = self._service(name)
        if service is None or _is_banished(service["Spec"]["TaskTemplate"]):
            return
        template = service["Spec"]["TaskTemplate"]
        placement = template.get("Placement") or {}
        constraints = [*(placement.get("Constraints") or ()), _NOWHERE]
        self._api.update_service(
            service["ID"],
            service["Version"]["Index"],
            task_template={**template, "Placement": {**placement, "Constraints": constraints}},
            fetch_current_spec=True,
        )

    def unused_networks(self) -> Sequence[str]:
        """Return the names of our networks that no service wants."""
        wanted = {service["Spec"]["Labels"].get(PROJECT) for service in self._services()}
        ours = self._api.networks(filters={**self.marks.filter, "scope": "swarm"})
        return [one["Name"] for one in ours if one["Labels"].get(PROJECT) not in wanted]

    def remove_network(self, name: str) -> None:
        """Remove a network, but leave one in which something still is."""
        with suppress(NotFound, APIError):
            self._api.remove_network(name)

    def remove(self, name: str) -> None:
        """Remove the service of an instance with its secret."""
        service = self._service(name)
        if service is not None:
            with suppress(NotFound):
                self._api.remove_service(service["ID"])
        for secret in self._secrets():
            if _name(secret) == name:
                with suppress(NotFound):
                    self._api.remove_secret(secret["ID"])

    def ensure_network(self, project_number: int) -> None:
        """Make the network of a project over all machines, unless it is there."""
        name = self.marks.network(project_number)
        client = self.engine.client
        if any(one.name == name for one in client.networks.list(names=[name])):
            return
        labels = self.marks.of_project(project_number)
        with _unless_there():
            client.networks.create(name, driver="overlay", labels=labels)

    def ensure_secret(self, name: str, data: bytes, labels: Mapping[str, str]) -> str:
        """Keep *data* as a secret, unless one is called so, and return its id."""
        with _unless_there():
            return str(self._api.create_secret(name, data, dict(labels))["ID"])
        found: Sequence[Mapping[str, Any]] = self._api.secrets(filters={"name": name})
        return next(str(one["ID"]) for one in found if one["Spec"]["Name"] == name)

    def withdraw(self, name: str) -> None:
        """Remove a service that no machine has, to make it anew otherwise."""
        with suppress(NotFound):
            self._api.remove_service(self.marks.service(name))

    def create(self, spec: Mapping[str, Any]) -> None:
        """Make a service, unless one is called so."""
        with _unless_there():
            self._api.create_service(**spec)

    @property
    def _api(self) -> Any:
        return self.engine.client.api

    def _service(self, name: str) -> Mapping[str, Any] | None:
        with suppress(NotFound):
            found: Mapping[str, Any] = self._api.inspect_service(self.marks.service(name))
            return found
        ours = (one for one in self._services() if name in {_name(one), one["ID"]})
        return next(ours, None)

    def _machine_of(self, task: Mapping[str, Any]) -> Mapping[str, Machine]:
        """Return the node of a task, by its id."""
        node_id = task.get("NodeID")
        with suppress(NotFound):
            return {node_id: _machine(self._api.inspect_node(node_id))} if node_id else {}
        return {}

    def _services(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self._api.services(filters=dict(self.marks.filter))
        return found

    def _tasks(self, filters: Mapping[str, str | list[str]]) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self._api.tasks(filters=dict(filters))
        return found

    def _secrets(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self._api.secrets(filters=dict(self.marks.filter))
        return found


@contextmanager
def _unless_there() -> Iterator[None]:
    """Pass over the answer that something is called so already."""
    try:
        yield
    except APIError as error:
        if error.status_code != _CONFLICT and _CONFLICTS not in str(error.explanation):
            raise


def _seen(
    service: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]], machines: Mapping[str, Machine]
) -> Seen:
    own = _own(tasks)
    return Seen(
        name=_name(service) or service["ID"],
        labels=service["Spec"]["Labels"],
        made_at=datetime.fromisoformat(service["CreatedAt"]),
        is_banished=_is_banished(service["Spec"]["TaskTemplate"]),
        task=Task.of(own[0], machines) if own else None,
    )


def _own(tasks: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the tasks that were to run, the oldest first."""
    return sorted((t for t in tasks if not _is_banished(t["Spec"])), key=itemgetter("CreatedAt"))


def _seen_in(name: str, task: Mapping[str, Any], machines: Mapping[str, Machine]) -> Seen:
    return Seen(
        name=name,
        labels=task["Spec"]["ContainerSpec"].get("Labels") or {},
        made_at=datetime.fromisoformat(task["CreatedAt"]),
        is_banished=False,
        task=Task.of(task, machines),
    )


def _left(secret: Mapping[str, Any]) -> Seen:
    return Seen(
        name=_name(secret),
        labels=secret["Spec"]["Labels"],
        made_at=datetime.fromisoformat(secret["CreatedAt"]),
        is_banished=True,
        task=None,
    )


def _is_banished(template: Mapping[str, Any]) -> bool:
    return _NOWHERE in ((template.get("Placement") or {}).get("Constraints") or ())


def _name(thing: Mapping[str, Any], part: str | None = None) -> str:
    spec = thing["Spec"][part] if part else thing["Spec"]
    return str((spec.get("Labels") or {}).get(NAME, ""))


def _machine(node: Mapping[str, Any]) -> Machine:
    address = node["Status"].get("Addr") or _ANY
    if address == _ANY:
        address = (node.get("ManagerStatus") or {}).get("Addr", address).rpartition(":")[0]
    return Machine(
        name=node["Description"]["Hostname"],
        address=address,
        role=node["Spec"]["Role"],
        state=node["Status"]["State"],
        availability=node["Spec"]["Availability"],
    )
