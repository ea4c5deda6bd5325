"""The state of a Swarm, as its manager reports it: services, tasks, nodes, networks, secrets."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from operator import itemgetter
from typing import Any

from attrs import frozen
from docker.errors import APIError, NotFound

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.labels import DEPLOYMENT, GENERATION, NAME, PROJECT, Labels
from pushpaka_core.adapters.swarm.tasks import ObservedService, Task
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.ports.runtime import ClusterNode

_NO_NODE = "node.id==nowhere"
"""A constraint that no node meets. It ends the task of a service but keeps its logs readable."""
_CONFLICT, _NAME_CONFLICT = 409, "name conflicts with an existing object"
_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - read, not listened on


@frozen(kw_only=True)
class SwarmCluster:
    """
    The Swarm API, restricted to this instance's objects.

    All methods block; see `Engine.call`.
    """

    engine: Engine
    labels: Labels

    def require_manager(self) -> None:
        """Raise RuntimeUnavailableError unless the engine is a manager of a Swarm."""
        if not self.engine.client.info()["Swarm"].get("ControlAvailable"):
            raise RuntimeUnavailableError(
                "The Docker Engine is not a Swarm manager. Run `docker swarm init` on its host, or"
                " set PUSHPAKA_DOCKER_URL to a manager's engine."
            )

    def nodes(self) -> Mapping[str, ClusterNode]:
        """Return the nodes by id."""
        return {node["ID"]: _node(node) for node in self._api.nodes()}

    def local_node_id(self) -> str:
        """Return the id of the node that this engine runs on."""
        return str(self.engine.client.info()["Swarm"]["NodeID"])

    def local_node(self) -> ClusterNode:
        """Return the node that this engine runs on."""
        return _node(self._api.inspect_node(self.local_node_id()))

    def find(self, name: str) -> ObservedService | None:
        """
        Return the service of the application instance *name*, or None if there is none.

        This method is called often. It requests the task first, because this single request is
        enough in most cases.
        """
        with suppress(NotFound):
            if own := _intended_tasks(self._tasks({"service": self.labels.service(name)})):
                return _service_of_task(name, own[0], self._node_of(own[0]))
        service = self._service(name)
        if service is None:
            return None
        return _observed_service(service, self._tasks({"service": service["ID"]}), self.nodes())

    def all(self) -> Iterator[ObservedService]:
        """Yield all services of this instance, and secrets whose service no longer exists."""
        machines, by_service = self.nodes(), dict[str, list[Mapping[str, Any]]]()
        for task in self._tasks(dict(self.labels.filter)):
            by_service.setdefault(task["ServiceID"], []).append(task)
        secrets = {_name(secret): secret for secret in self._secrets()}
        for service in self._services():
            secrets.pop(_name(service), None)
            yield _observed_service(service, by_service.get(service["ID"], ()), machines)
        yield from map(_leftover_secret, secrets.values())

    def nodes_to_avoid(self, instance: Instance) -> Sequence[Sequence[str]]:
        """
        Return lists of nodes to avoid when placing an instance, from the longest to an empty one.

        The nodes of a list run more instances of the same deployment and process type than others.
        Swarm itself only spreads the tasks of a single service.
        """
        alike = [f"{DEPLOYMENT}={instance.deployment_id}", f"{GENERATION}={instance.generation}"]
        free = (id_ for id_, machine in self.nodes().items() if machine.accepts_instances)
        counts = Counter(dict.fromkeys(free, 0))
        for task in self._tasks({"label": alike}):
            is_alike = f".{instance.process_type}." in _name(task, "ContainerSpec")
            if is_alike and task["DesiredState"] == "running" and task.get("NodeID") in counts:
                counts[task["NodeID"]] += 1
        limits = sorted(set(counts.values())) or [0]
        return [[id_ for id_, count in counts.items() if count > limit] for limit in limits]

    def end_task(self, name: str) -> None:
        """End the task of a service without a replacement. Harmless to repeat."""
        service = self._service(name)
        if service is None or _is_ended(service["Spec"]["TaskTemplate"]):
            return
        template = service["Spec"]["TaskTemplate"]
        placement = template.get("Placement") or {}
        constraints = [*(placement.get("Constraints") or ()), _NO_NODE]
        self._api.update_service(
            service["ID"],
            service["Version"]["Index"],
            task_template={**template, "Placement": {**placement, "Constraints": constraints}},
            fetch_current_spec=True,
        )

    def unused_networks(self) -> Sequence[str]:
        """Return the names of this instance's networks that no service uses."""
        used_projects = {service["Spec"]["Labels"].get(PROJECT) for service in self._services()}
        ours = self._api.networks(filters={**self.labels.filter, "scope": "swarm"})
        return [one["Name"] for one in ours if one["Labels"].get(PROJECT) not in used_projects]

    def remove_network(self, name: str) -> None:
        """Remove a network unless something is attached to it."""
        with suppress(NotFound, APIError):
            self._api.remove_network(name)

    def remove(self, name: str) -> None:
        """Remove an instance's service and its secret."""
        service = self._service(name)
        if service is not None:
            with suppress(NotFound):
                self._api.remove_service(service["ID"])
        for secret in self._secrets():
            if _name(secret) == name:
                with suppress(NotFound):
                    self._api.remove_secret(secret["ID"])

    def ensure_network(self, project_number: int) -> None:
        """Create a project's overlay network unless it exists."""
        name = self.labels.network(project_number)
        client = self.engine.client
        if any(one.name == name for one in client.networks.list(names=[name])):
            return
        labels = self.labels.project_labels(project_number)
        with _ignore_conflict():
            client.networks.create(name, driver="overlay", labels=labels)

    def ensure_secret(self, name: str, data: bytes, labels: Mapping[str, str]) -> str:
        """Create a secret unless one of that name exists. Return its id."""
        with _ignore_conflict():
            return str(self._api.create_secret(name, data, dict(labels))["ID"])
        found: Sequence[Mapping[str, Any]] = self._api.secrets(filters={"name": name})
        return next(str(one["ID"]) for one in found if one["Spec"]["Name"] == name)

    def remove_unplaced(self, name: str) -> None:
        """Remove a service that could not be placed, so that it can be created again."""
        with suppress(NotFound):
            self._api.remove_service(self.labels.service(name))

    def create(self, spec: Mapping[str, Any]) -> None:
        """Create a service unless one of that name exists."""
        with _ignore_conflict():
            self._api.create_service(**spec)

    @property
    def _api(self) -> Any:
        return self.engine.client.api

    def _service(self, name: str) -> Mapping[str, Any] | None:
        with suppress(NotFound):
            found: Mapping[str, Any] = self._api.inspect_service(self.labels.service(name))
            return found
        ours = (one for one in self._services() if name in {_name(one), one["ID"]})
        return next(ours, None)

    def _node_of(self, task: Mapping[str, Any]) -> Mapping[str, ClusterNode]:
        """Return the node of a task, by its id. The result is empty if the task has no node."""
        node_id = task.get("NodeID")
        with suppress(NotFound):
            return {node_id: _node(self._api.inspect_node(node_id))} if node_id else {}
        return {}

    def _services(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self._api.services(filters=dict(self.labels.filter))
        return found

    def _tasks(self, filters: Mapping[str, str | list[str]]) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self._api.tasks(filters=dict(filters))
        return found

    def _secrets(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self._api.secrets(filters=dict(self.labels.filter))
        return found


@contextmanager
def _ignore_conflict() -> Iterator[None]:
    """Ignore the error that an object of the same name exists."""
    try:
        yield
    except APIError as error:
        if error.status_code != _CONFLICT and _NAME_CONFLICT not in str(error.explanation):
            raise


def _observed_service(
    service: Mapping[str, Any],
    tasks: Sequence[Mapping[str, Any]],
    nodes: Mapping[str, ClusterNode],
) -> ObservedService:
    own = _intended_tasks(tasks)
    return ObservedService(
        name=_name(service) or service["ID"],
        labels=service["Spec"]["Labels"],
        created_at=datetime.fromisoformat(service["CreatedAt"]),
        is_ended=_is_ended(service["Spec"]["TaskTemplate"]),
        task=Task.parse(own[0], nodes) if own else None,
    )


def _intended_tasks(tasks: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the tasks that were created before `end_task` ended their service, oldest first."""
    return sorted((t for t in tasks if not _is_ended(t["Spec"])), key=itemgetter("CreatedAt"))


def _service_of_task(
    name: str, task: Mapping[str, Any], nodes: Mapping[str, ClusterNode]
) -> ObservedService:
    return ObservedService(
        name=name,
        labels=task["Spec"]["ContainerSpec"].get("Labels") or {},
        created_at=datetime.fromisoformat(task["CreatedAt"]),
        is_ended=False,
        task=Task.parse(task, nodes),
    )


def _leftover_secret(secret: Mapping[str, Any]) -> ObservedService:
    return ObservedService(
        name=_name(secret),
        labels=secret["Spec"]["Labels"],
        created_at=datetime.fromisoformat(secret["CreatedAt"]),
        is_ended=True,
        task=None,
    )


def _is_ended(template: Mapping[str, Any]) -> bool:
    return _NO_NODE in ((template.get("Placement") or {}).get("Constraints") or ())


def _name(resource: Mapping[str, Any], part: str | None = None) -> str:
    spec = resource["Spec"][part] if part else resource["Spec"]
    return str((spec.get("Labels") or {}).get(NAME, ""))


def _node(node: Mapping[str, Any]) -> ClusterNode:
    address = node["Status"].get("Addr") or _ANY_ADDRESS
    if address == _ANY_ADDRESS:
        address = (node.get("ManagerStatus") or {}).get("Addr", address).rpartition(":")[0]
    return ClusterNode(
        name=node["Description"]["Hostname"],
        address=address,
        role=node["Spec"]["Role"],
        state=node["Status"]["State"],
        availability=node["Spec"]["Availability"],
    )
