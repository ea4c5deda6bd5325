"""The state machine: what people, workers, reconcilers and fate do, in any order."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.faults.keepers import verbs_of
from tests.faults.promises import look
from tests.faults.stage import Outage
from tests.faults.theatre import OpenStorage, Theatre

from pushpaka_core.application import Application
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, NewDeployment
from pushpaka_core.domain.instances import Instance
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import BuildError, PlatformFaultError, PushpakaError

T = TypeVar("T")
NAMES = ("shop", "blog")
PREVIEW = "preview:main"
Events = list[st.SearchStrategy[tuple[Any, ...]]]


class Asked(Enum):
    """What somebody may ask of a deployment that there is."""

    ROLLBACK = auto()
    REDEPLOY = auto()
    PROMOTE = auto()
    CANCEL = auto()
    RESTART = auto()
    STOP = auto()
    START = auto()
    SET_ENV = auto()


class Mood(Enum):
    """What programs and builds are like for now."""

    GOOD = auto()
    PROGRAMS_END = auto()
    BUILDS_FAIL = auto()
    HOST_FAILS = auto()


FAILURES: Mapping[Mood, PushpakaError] = {
    Mood.BUILDS_FAIL: BuildError("It broke."),
    Mood.HOST_FAILS: PlatformFaultError("There is no room."),
}


MANY = 60
VERBS = (
    *("finish_switches", "stop_drained", "tend", "restart", "check_liveness"),
    *("delete_projects", "mend_routes", "sweep"),
)

VERBS_THAT_ROUTE = ("finish_switches", "restart", "stop_drained", "delete_projects")

projects = st.sampled_from(range(len(NAMES)))
workers = st.sampled_from(range(2))
observers = st.sampled_from(range(2))
keepers = st.sampled_from(range(2))
number = st.integers(0, 3)
steps = st.integers(1, 12)
few = st.integers(1, 4)


def _event(name: str, *details: st.SearchStrategy[Any], weight: int = 1) -> Events:
    return [st.tuples(st.just(name), *details) for _ in range(weight)]


EVENTS = st.one_of(
    *_event("deploy", projects, st.sampled_from((PRODUCTION, PREVIEW)), weight=2),
    *_event("ask", st.sampled_from(Asked), projects, number, weight=4),
    *_event("delete_and_make_another", projects),
    *_event("work", workers, steps, weight=4),
    *_event("work_on", workers, weight=2),
    *_event("end", workers, st.booleans()),
    *_event("beat", workers),
    *_event("observe", observers, weight=2),
    *_event("take_for_lost", number),
    *_event("lose_in_a_start", projects, workers, few, st.booleans()),
    *_event("hold_on", keepers, few, weight=2),
    *_event("reconcile", keepers, st.sampled_from(VERBS), steps, weight=3),
    *_event("reconcile_all", weight=2),
    *_event(
        "reconcile_unrouted", st.sampled_from((Asked.RESTART, Asked.STOP)), projects, st.booleans()
    ),
    *_event("break_off", st.sampled_from(VERBS), few),
    *_event("kill_a_keeper", keepers),
    *_event("pause_in", st.sampled_from(VERBS), few, number),
    *_event("quiet_round"),
    *_event("misuse_a_lost_lease", number),
    *_event("tick", st.sampled_from((1, 31, 700)), weight=2),
    *_event("jump", st.sampled_from((-3600, 3600))),
    *_event("crash", number, st.booleans()),
    *_event("change_mood", st.sampled_from(Mood)),
    *_event("router", st.booleans()),
    *_event("router_forgets"),
    *_event("storage_away", st.integers(0, 6), st.sampled_from(Outage)),
)
"""
What can happen, the frequent several times.

It is one list, not a rule each, so that no example lacks a part of it.
"""


class LifeOfDeployments(RuleBasedStateMachine):
    """Two projects, two workers, two reconcilers, and everything that can happen to them."""

    open_storage: OpenStorage
    """Opens the storage that the platform of one example works on."""

    @initialize(replicas=st.sampled_from((1, 2)), is_served=st.booleans())
    def open(self, replicas: int, is_served: bool) -> None:
        self.theatre = Theatre.opened(type(self).open_storage)
        self.is_router_down = False
        self.replicas = replicas
        for number in range(len(NAMES)):
            self._make(number)
        self.now = self.theatre.see()
        if is_served:
            self.deploy(0, PRODUCTION)
            self.deploy(1, PRODUCTION)
            self.work_on(0)

    def deploy(self, project: int, place: str) -> None:
        new = NewDeployment(project_id=self._project(project).id, target=place)
        self.theatre.platform.commit()
        self.theatre.ask(self._services.deployments.deploy(self._owner, new))

    def ask(self, verb: Asked, project: int, recent: int) -> None:
        for one in self._recent(project, recent):
            self.theatre.ask(self._asked(verb, one))

    def delete_and_make_another(self, project: int) -> None:
        old = self._project(project)
        self.theatre.storage.recover()
        self.theatre.do(self._services.projects.delete(self._owner, old.id))
        self._make(project)

    def work(self, worker: int, steps: int) -> None:
        self.theatre.do(self.theatre.workers[worker].step(steps))

    def work_on(self, worker: int) -> None:
        self.theatre.do(self.theatre.workers[worker].step(MANY))

    def end(self, worker: int, is_asked_to: bool) -> None:
        if is_asked_to:
            self.theatre.do(self.theatre.workers[worker].end())
        self.theatre.replace_worker(worker)

    def beat(self, worker: int) -> None:
        self.theatre.beat(worker)

    def observe(self, observer: int) -> None:
        self.theatre.observe(observer)

    def take_for_lost(self, number: int) -> None:
        held = [d.lease for d in self.now.deployments.values() if d.is_in_work]
        for lease in _picked(held, number):
            self.theatre.ask(self.theatre.platform.engine.reconciliation.requeue(lease))

    def lose_in_a_start(self, project: int, worker: int, steps: int, is_dead: bool) -> None:
        """Take a worker for lost while its programs start, and break off what follows."""
        self._set_the_scene(project)
        self.theatre.replace_worker(worker)
        self.deploy(project, PRODUCTION)
        runtime = self.theatre.platform.runtime
        before = set(runtime.living)
        for _ in range(MANY):
            if before != set(runtime.living):
                break
            self.work(worker, 1)
        requeue = self.theatre.platform.engine.reconciliation.requeue
        for lease in self.theatre.leases_of(set(runtime.living) - before):
            self.theatre.break_off(partial(requeue, lease), steps)
        if is_dead:
            self.theatre.replace_worker(worker)

    def hold_on(self, keeper: int, steps: int) -> None:
        self.theatre.hold_on(keeper, steps)

    def reconcile(self, keeper: int, verb: str, steps: int) -> None:
        self.theatre.reconcile(keeper, verb, steps)

    def reconcile_all(self) -> None:
        self._reconcile_all(VERBS)

    def reconcile_unrouted(self, verb: Asked, project: int, is_short: bool) -> None:
        """Do what is asked of what serves, to its end, while no route can be written."""
        self._set_the_scene(project)
        self.deploy(project, PRODUCTION)
        self.theatre.work_off()
        self.now = self.theatre.see()
        self.router(is_down=True)
        self.ask(verb, project, 0)
        for _ in range(3):
            self._reconcile_all(VERBS_THAT_ROUTE)
            self.tick(31)
        self.router(is_down=not is_short)

    def break_off(self, verb: str, steps: int) -> None:
        keeper = self.theatre.keepers[self.theatre.number_at_work()]
        self.theatre.break_off(verbs_of(keeper.engine)[verb], steps)

    def kill_a_keeper(self, keeper: int) -> None:
        self.theatre.replace_keeper(keeper)

    def pause_in(self, verb: str, steps: int, number: int) -> None:
        """Have a process stand still in a verb until another has the node, and then go on."""
        self.crash(number, leaves_a_trace=True)
        paused = self.theatre.number_at_work()
        self.theatre.reconcile(paused, verb, steps)
        for _ in range(2):
            self.theatre.hold_on(1 - paused, 2)
            self.tick(31)
        self.theatre.reconcile(1 - paused, verb, MANY)
        self.theatre.reconcile(paused, verb, MANY)

    def quiet_round(self) -> None:
        if self.is_router_down:
            return
        self.theatre.storage.recover()
        self.theatre.quiet_round()

    def misuse_a_lost_lease(self, number: int) -> None:
        self.theatre.storage.recover()
        for lease in _picked(self.theatre.stale(), number):
            self.theatre.misuse(lease)

    def tick(self, seconds: int) -> None:
        self.theatre.tick(seconds)

    def jump(self, seconds: int) -> None:
        """Set the clocks on the walls of all processes, as an operator may."""
        self.theatre.platform.clock.jump(seconds)

    def crash(self, number: int, leaves_a_trace: bool) -> None:
        runtime = self.theatre.platform.runtime
        for instance in _picked(self._living(), number):
            project = self.now.projects[instance.project_id]
            self.theatre.witness.blame_fate(instance, project)
            if leaves_a_trace:
                runtime.crash(instance.name)
            else:
                runtime.lose(instance.name)

    def change_mood(self, mood: Mood) -> None:
        runtime, builder = self.theatre.platform.runtime, self.theatre.platform.builder
        runtime.early_exit = "exited with code 3" if mood is Mood.PROGRAMS_END else None
        builder.failure = FAILURES.get(mood)

    def router(self, is_down: bool) -> None:
        self.is_router_down = is_down
        if is_down:
            self.theatre.platform.router.fail()
        else:
            self.theatre.platform.router.recover()

    def storage_away(self, after: int, outage: Outage) -> None:
        self.theatre.storage.plan(outage, after=after)

    def router_forgets(self) -> None:
        self.theatre.witness.excuse(self.now.projects.values())
        self.theatre.platform.router.forget()

    @rule(event=EVENTS)
    def happens(self, event: tuple[Any, ...]) -> None:
        name, *details = event
        getattr(self, name)(*details)

    @invariant()
    def promises_hold(self) -> None:
        self.now = self.theatre.see()

    def teardown(self) -> None:
        try:
            if not self.theatre.is_broken:
                self._recover()
                self.theatre.come_to_rest()
        finally:
            self.theatre.close()

    @property
    def _services(self) -> Application:
        return self.theatre.platform.application

    @property
    def _owner(self) -> Actor:
        return self.theatre.platform.owner

    def _make(self, number: int) -> None:
        self.theatre.do(self.theatre.platform.project(NAMES[number], replicas=self.replicas))

    def _project(self, number: int) -> Project:
        there = self.theatre.do(look(self.theatre.storage.present)).projects.values()
        (project,) = (p for p in there if p.name == NAMES[number] and p.deleted_at is None)
        return project

    def _asked(self, verb: Asked, one: Deployment) -> Coroutine[Any, Any, object]:
        deployments, serving = self._services.deployments, self._services.serving
        project = self.now.projects[one.project_id]
        calls: Mapping[Asked, Callable[[], Coroutine[Any, Any, object]]] = {
            Asked.ROLLBACK: partial(deployments.rollback, self._owner, one.id),
            Asked.REDEPLOY: partial(deployments.redeploy, self._owner, one.id),
            Asked.PROMOTE: partial(deployments.promote, self._owner, one.id),
            Asked.CANCEL: partial(deployments.cancel, self._owner, one.id),
            Asked.RESTART: partial(serving.restart, self._owner, one.id),
            Asked.STOP: partial(serving.stop, self._owner, one.id),
            Asked.START: partial(serving.start, self._owner, one.project_id),
            Asked.SET_ENV: partial(self.theatre.platform.set_env, project, KEY=str(one.sequence)),
        }
        return calls[verb]()

    def _recent(self, project: int, recent: int) -> Sequence[Deployment]:
        return _picked(self.now.of(self._project(project)), recent)

    def _living(self) -> Sequence[Instance]:
        living = {r.instance.name for r in self.theatre.platform.runtime.living.values()}
        return [instance for instance in self.now.instances if instance.name in living]

    def _reconcile_all(self, verbs: Sequence[str]) -> None:
        """Let whoever has the node do *verbs* to their ends."""
        keeper = self.theatre.number_at_work()
        for verb in verbs:
            self.theatre.reconcile(keeper, verb, MANY)

    def _set_the_scene(self, project: int) -> None:
        """Let all be well, and nobody work for the project."""
        self._recover()
        self.theatre.drop_work(self._project(project))

    def _recover(self) -> None:
        platform = self.theatre.platform
        self.is_router_down = False
        platform.router.recover()
        platform.runtime.early_exit = None
        platform.builder.failure = None
        self.theatre.storage.recover()


def _picked(things: Sequence[T], number: int) -> Sequence[T]:
    """Return the one that *number* means, or none where there is nothing."""
    return [things[number % len(things)]] if things else []
