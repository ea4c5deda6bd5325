"""The state machine: users, workers, reconcilers and faults act in random order."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.faults.node_processes import reconciler_operations
from tests.faults.scheduler import Outage
from tests.faults.simulation import OpenStorage, Simulation

from pushpaka_core.container.application import Application
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment, NewDeployment
from pushpaka_core.domain.instances.instances import MAX_FAILED_PROBES, Instance
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import (
    NewVolume,
    PreviewVolume,
    VolumeAttachment,
    VolumeChanges,
)
from pushpaka_core.errors import BuildError, PlatformFaultError, PushpakaError

T = TypeVar("T")
NAMES = ("shop", "blog")
PREVIEW = "preview:main"
Events = list[st.SearchStrategy[tuple[Any, ...]]]


class Request(Enum):
    """Requests that users make about an existing deployment."""

    ROLLBACK = auto()
    REDEPLOY = auto()
    PROMOTE = auto()
    CANCEL = auto()
    RESTART = auto()
    STOP = auto()
    START = auto()
    SET_ENV = auto()


class Condition(Enum):
    """How programs and builds currently behave: well, or with one kind of failure."""

    GOOD = auto()
    PROGRAMS_END = auto()
    BUILDS_FAIL = auto()
    HOST_FAILS = auto()


FAILURES: Mapping[Condition, PushpakaError] = {
    Condition.BUILDS_FAIL: BuildError("It broke."),
    Condition.HOST_FAILS: PlatformFaultError("There is no room."),
}


MANY = 60
"""A number of steps that is enough for every task to complete."""
VERBS = (
    *("finish_switches", "stop_drained", "tend", "restart", "check_liveness", "check_watched"),
    *("delete_projects", "mend_routes", "sweep"),
)

VERBS_THAT_ROUTE = ("finish_switches", "restart", "stop_drained", "delete_projects")

BREAKAGES = ("tend", "check_watched")
"""The operations that detect a broken release by its crashes, and by its failed health checks."""

projects = st.sampled_from(range(len(NAMES)))
workers = st.sampled_from(range(2))
watches = st.sampled_from(range(2))
processes = st.sampled_from(range(2))
number = st.integers(0, 3)
steps = st.integers(1, 12)
few = st.integers(1, 4)


def _event(name: str, *details: st.SearchStrategy[Any], weight: int = 1) -> Events:
    return [st.tuples(st.just(name), *details) for _ in range(weight)]


EVENTS = st.one_of(
    *_event("deploy", projects, st.sampled_from((PRODUCTION, PREVIEW)), weight=2),
    *_event("request", st.sampled_from(Request), projects, number, weight=4),
    *_event("delete_and_recreate", projects),
    *_event("detach_or_attach", projects),
    *_event("change_access", projects, st.sampled_from(VolumeAccess)),
    *_event("work", workers, steps, weight=4),
    *_event("finish_work", workers, weight=2),
    *_event("end_worker", workers, st.booleans()),
    *_event("beat", workers),
    *_event("requeue_silent", watches, weight=2),
    *_event("requeue", number),
    *_event("requeue_during_start", projects, workers, few, st.booleans()),
    *_event("step_leader_election", processes, few, weight=2),
    *_event("reconcile", processes, st.sampled_from(VERBS), steps, weight=3),
    *_event("reconcile_all", weight=2),
    *_event(
        "reconcile_unrouted",
        st.sampled_from((Request.RESTART, Request.STOP)),
        projects,
        st.booleans(),
    ),
    *_event("interrupt", st.sampled_from(VERBS), few),
    *_event("kill_process", processes),
    *_event("pause_during", st.sampled_from(VERBS), few, number),
    *_event("reconcile_and_check"),
    *_event("use_stale_lease", number),
    *_event("tick", st.sampled_from((1, 31, 700)), weight=2),
    *_event("jump", st.sampled_from((-3600, 3600))),
    *_event("crash", number, st.booleans()),
    *_event("stop_responding", number),
    *_event(*("break_after_switch", projects, st.sampled_from(BREAKAGES), number, steps), weight=2),
    *_event("change_condition", st.sampled_from(Condition)),
    *_event("set_router_down", st.booleans()),
    *_event("forget_routes"),
    *_event("plan_storage_outage", st.integers(0, 6), st.sampled_from(Outage)),
)
"""
The events, of which frequent ones appear several times.

They are one strategy instead of separate rules, because Hypothesis would omit some rules in each
example.
"""


class DeploymentLife(RuleBasedStateMachine):
    """A state machine of two projects, two workers and two reconcilers, with all events."""

    open_storage: OpenStorage
    """Opens a new storage for each example."""

    @initialize(
        replicas=st.sampled_from((1, 2)), is_deployed=st.booleans(), has_one_writer=st.booleans()
    )
    def open(self, replicas: int, is_deployed: bool, has_one_writer: bool) -> None:
        self.simulation = Simulation.open(type(self).open_storage)
        self.is_router_down = False
        self.replicas = 1 if has_one_writer else replicas
        self.access = VolumeAccess.ONE if has_one_writer else VolumeAccess.MANY
        for number in range(len(NAMES)):
            self._create_project(number)
        self.now = self.simulation.check()
        if is_deployed:
            self.deploy(0, PRODUCTION)
            self.deploy(1, PRODUCTION)
            self.finish_work(0)

    def deploy(self, project: int, target: str) -> None:
        new = NewDeployment(project_id=self._project(project).id, target=target)
        self.simulation.platform.commit()
        self.simulation.request(self._services.deployments.deploy(self._owner, new))

    def request(self, request: Request, project: int, index: int) -> None:
        for one in self._select_deployment(project, index):
            self.simulation.request(self._request_call(request, one))

    def delete_and_recreate(self, project: int) -> None:
        old = self._project(project)
        self.simulation.storage.recover()
        self.simulation.run(self._services.projects.delete(self._owner, old.id))
        self._create_project(project)

    def detach_or_attach(self, project: int) -> None:
        """Detach the volume of production, or attach it again."""
        project_id = self._project(project).id
        for volume in self.now.volumes.values():
            if (volume.project_id, volume.target) == (project_id, PRODUCTION):
                self.simulation.request(
                    self._services.volumes.detach(self._owner, volume.id)
                    if volume.is_attached
                    else self._services.volumes.attach(self._owner, volume.id, VolumeAttachment())
                )

    def change_access(self, project: int, access: VolumeAccess) -> None:
        """Change the access of the attached volumes for the next deployment."""
        project_id = self._project(project).id
        for volume in self.now.volumes.values():
            if volume.project_id == project_id and volume.is_attached:
                changes = VolumeChanges(access=access)
                self.simulation.request(
                    self._services.volumes.change(self._owner, volume.id, changes)
                )

    def work(self, worker: int, steps: int) -> None:
        self.simulation.run(self.simulation.workers[worker].step(steps))

    def finish_work(self, worker: int) -> None:
        self.simulation.run(self.simulation.workers[worker].step(MANY))

    def end_worker(self, worker: int, is_graceful: bool) -> None:
        if is_graceful:
            self.simulation.run(self.simulation.workers[worker].end())
        self.simulation.kill_worker(worker)

    def beat(self, worker: int) -> None:
        self.simulation.beat(worker)

    def requeue_silent(self, watch: int) -> None:
        self.simulation.requeue_silent(watch)

    def requeue(self, number: int) -> None:
        held = [d.lease for d in self.now.deployments.values() if d.is_in_progress]
        for lease in _select(held, number):
            self.simulation.request(
                self.simulation.platform.worker_services.reconciler.requeue(lease)
            )

    def requeue_during_start(
        self, project: int, worker: int, steps: int, is_worker_killed: bool
    ) -> None:
        """Requeue a deployment whose programs are starting, and stop after *steps* steps."""
        self._reset(project)
        self.simulation.kill_worker(worker)
        self.deploy(project, PRODUCTION)
        runtime = self.simulation.platform.runtime
        before = set(runtime.running)
        for _ in range(MANY):
            if before != set(runtime.running):
                break
            self.work(worker, 1)
        requeue = self.simulation.platform.worker_services.reconciler.requeue
        for lease in self.simulation.leases_of(set(runtime.running) - before):
            self.simulation.interrupt(partial(requeue, lease), steps)
        if is_worker_killed:
            self.simulation.kill_worker(worker)

    def step_leader_election(self, process: int, steps: int) -> None:
        self.simulation.step_leader_election(process, steps)

    def reconcile(self, process: int, verb: str, steps: int) -> None:
        self.simulation.reconcile(process, verb, steps)

    def reconcile_all(self) -> None:
        self._reconcile_all(VERBS)

    def reconcile_unrouted(self, verb: Request, project: int, is_outage_short: bool) -> None:
        """Restart or stop an active deployment while no route can be written."""
        self._reset(project)
        self.deploy(project, PRODUCTION)
        self.simulation.drain_queue()
        self.now = self.simulation.check()
        self.set_router_down(is_down=True)
        self.request(verb, project, 0)
        for _ in range(3):
            self._reconcile_all(VERBS_THAT_ROUTE)
            self.tick(31)
        self.set_router_down(is_down=not is_outage_short)

    def interrupt(self, verb: str, steps: int) -> None:
        process = self.simulation.processes[self.simulation.holder()]
        self.simulation.interrupt(reconciler_operations(process.worker_services)[verb], steps)

    def kill_process(self, process: int) -> None:
        self.simulation.kill_process(process)

    def pause_during(self, verb: str, steps: int, number: int) -> None:
        """Pause the lease holder within an operation until the other process has the node lease."""
        self.crash(number, has_exit_code=True)
        paused = self.simulation.holder()
        self.simulation.reconcile(paused, verb, steps)
        for _ in range(2):
            self.simulation.step_leader_election(1 - paused, 2)
            self.tick(31)
        self.simulation.reconcile(1 - paused, verb, MANY)
        self.simulation.reconcile(paused, verb, MANY)

    def reconcile_and_check(self) -> None:
        if self.is_router_down:
            return
        self.simulation.storage.recover()
        self.simulation.reconcile_and_check()

    def use_stale_lease(self, number: int) -> None:
        self.simulation.storage.recover()
        for lease in _select(self.simulation.stale_leases(), number):
            self.simulation.use_stale_lease(lease)

    def tick(self, seconds: int) -> None:
        self.simulation.tick(seconds)

    def jump(self, seconds: int) -> None:
        """Set the wall clock forward or back, but not the monotonic clock."""
        self.simulation.platform.clock.jump(seconds)

    def crash(self, number: int, has_exit_code: bool) -> None:
        for instance in _select(self._running_instances(), number):
            self._crash(instance, has_exit_code=has_exit_code)

    def stop_responding(self, number: int) -> None:
        """Make a program fail its health checks as long as it runs."""
        for instance in _select(self._running_instances(), number):
            self._stop_responding(instance)

    def break_after_switch(
        self, project: int, verb: str, interrupted_round: int, steps: int
    ) -> None:
        """Break a new release, interrupt one check of it, and require that it is rolled back."""
        self._reset(project)
        for _ in range(2):
            self.deploy(project, PRODUCTION)
            self.simulation.drain_queue()
        self.now = self.simulation.check()
        broken = self.now.served(self._project(project))
        assert broken is not None
        for turn in range(MAX_FAILED_PROBES + 1):
            self._break(broken, verb)
            if turn == interrupted_round:
                self.interrupt(verb, steps)
            self._reconcile_all([verb] * 3)
            self.tick(3)
            self.now = self.simulation.check()
        assert self.now.deployments[broken.id].is_rolled_back, "P4: it was not rolled back"

    def change_condition(self, condition: Condition) -> None:
        runtime, builder = self.simulation.platform.runtime, self.simulation.platform.builder
        runtime.early_exit = "exited with code 3" if condition is Condition.PROGRAMS_END else None
        builder.failure = FAILURES.get(condition)

    def set_router_down(self, is_down: bool) -> None:
        self.is_router_down = is_down
        if is_down:
            self.simulation.platform.router.fail()
        else:
            self.simulation.platform.router.recover()

    def plan_storage_outage(self, after: int, outage: Outage) -> None:
        self.simulation.storage.plan(outage, after=after)

    def forget_routes(self) -> None:
        self.simulation.observer.expect_outage(self.now.projects.values())
        self.simulation.platform.router.forget()

    @rule(event=EVENTS)
    def apply(self, event: tuple[Any, ...]) -> None:
        name, *details = event
        getattr(self, name)(*details)

    @invariant()
    def promises_hold(self) -> None:
        self.now = self.simulation.check()

    def teardown(self) -> None:
        try:
            if not self.simulation.is_broken:
                self._recover()
                self.simulation.run_to_rest()
        finally:
            self.simulation.close()

    @property
    def _services(self) -> Application:
        return self.simulation.platform.application

    @property
    def _owner(self) -> Actor:
        return self.simulation.platform.owner

    def _create_project(self, project: int) -> None:
        created = self.simulation.run(
            self.simulation.platform.project(NAMES[project], replicas=self.replicas)
        )
        volume = NewVolume(
            project_id=created.id,
            name="media",
            mount_path="media",
            access=self.access,
            preview=PreviewVolume.EMPTY,
        )
        self.simulation.run(self._services.volumes.create(self._owner, volume))

    def _project(self, number: int) -> Project:
        there = self.simulation.snapshot().projects.values()
        (project,) = (p for p in there if p.name == NAMES[number] and p.deleted_at is None)
        return project

    def _request_call(
        self, request: Request, deployment: Deployment
    ) -> Coroutine[Any, Any, object]:
        deployments, active = self._services.deployments, self._services.active_deployments
        project = self.now.projects[deployment.project_id]
        calls: Mapping[Request, Callable[[], Coroutine[Any, Any, object]]] = {
            Request.ROLLBACK: partial(deployments.rollback, self._owner, deployment.id),
            Request.REDEPLOY: partial(deployments.redeploy, self._owner, deployment.id),
            Request.PROMOTE: partial(deployments.promote, self._owner, deployment.id),
            Request.CANCEL: partial(deployments.cancel, self._owner, deployment.id),
            Request.RESTART: partial(active.restart, self._owner, deployment.id),
            Request.STOP: partial(active.stop, self._owner, deployment.id),
            Request.START: partial(active.start, self._owner, deployment.project_id),
            Request.SET_ENV: partial(
                self.simulation.platform.set_env, project, KEY=str(deployment.sequence)
            ),
        }
        return calls[request]()

    def _break(self, deployment: Deployment, verb: str) -> None:
        """Break the instances of *deployment* in the way that *verb* detects."""
        for instance in self._running_instances():
            if instance.lease == deployment.lease and verb == "tend":
                self._crash(instance, has_exit_code=True)
            elif instance.lease == deployment.lease:
                self._stop_responding(instance)

    def _crash(self, instance: Instance, *, has_exit_code: bool) -> None:
        runtime = self.simulation.platform.runtime
        self.simulation.observer.expect_crash(instance, self.now.projects[instance.project_id])
        if has_exit_code:
            runtime.crash(instance.name)
        else:
            runtime.vanish(instance.name)

    def _stop_responding(self, instance: Instance) -> None:
        self.simulation.observer.expect_crash(instance, self.now.projects[instance.project_id])
        if instance.port is not None:
            self.simulation.platform.prober.failures[instance.port] = "it is not responding"

    def _select_deployment(self, project: int, index: int) -> Sequence[Deployment]:
        return _select(self.now.of(self._project(project)), index)

    def _running_instances(self) -> Sequence[Instance]:
        living = {r.instance.name for r in self.simulation.platform.runtime.running.values()}
        return [instance for instance in self.now.instances if instance.name in living]

    def _reconcile_all(self, verbs: Sequence[str]) -> None:
        """Run each reconciler step in *verbs* to its end, in the holder of the node lease."""
        process = self.simulation.holder()
        for verb in verbs:
            self.simulation.reconcile(process, verb, MANY)

    def _reset(self, project: int) -> None:
        """End all faults, and the project's deployment in progress."""
        self._recover()
        self.simulation.end_work(self._project(project))

    def _recover(self) -> None:
        platform = self.simulation.platform
        self.is_router_down = False
        platform.router.recover()
        platform.runtime.early_exit = None
        platform.prober.failures.clear()
        platform.builder.failure = None
        self.simulation.storage.recover()


def _select(items: Sequence[T], number: int) -> Sequence[T]:
    """Return a list with the item at index *number*, modulo the length, or an empty list."""
    return [items[number % len(items)]] if items else []
