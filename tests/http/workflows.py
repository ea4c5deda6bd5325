"""Runs Schemathesis, which sends sequences of requests to a served API and checks the responses."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import httpx
import schemathesis
from attrs import frozen
from schemathesis import AuthContext, BaseSchema, Case, Config, HookContext
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
from tests.http.clients import PASSWORD
from tests.http.sound_requests import follow_domain_rules

_LONGEST_WAIT = 1
"""The maximum duration of a long poll in seconds."""
_LONG: dict[str, Any] = {
    "request-timeout": 60,
    "max-stream-events": 1,
    "continue-on-failure": True,
    "auth": {"auto-signup": False},
    # The description has types and bounds; violated rules of the domain are answered with 400.
    "checks": {
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "400", "401", "403", "404", "409"]
        }
    },
    # A new project does not have these parts yet.
    "operations": [
        {
            "include-path-regex": "/(deploy-key|transfer)$|/(members|invitations|archives)/",
            "checks": {"ensure_resource_availability": {"enabled": False}},
        }
    ],
}
_ALONE = {
    "include-path-regex": "/(auth|tokens|audit|system|health|ready|metrics|archives)",
    "phases": {"stateful": {"enabled": False}},
}
"""Operations that short runs leave out of sequences, as no later request uses their results."""
_SHORT = _LONG | {
    "operations": [*_LONG["operations"], _ALONE],
    "phases": {
        "coverage": {"enabled": False},
        "fuzzing": {"generation": {"max-examples": 1}},
        "stateful": {"generation": {"max-examples": 6}, "max-steps": 12},
    },
}


@frozen
class Findings:
    """The result of a run of Schemathesis."""

    failures: Mapping[str, str]
    """Problems and how to reproduce them, by operation and kind of problem."""
    answers: Counter[tuple[str, int]]
    """The number of responses by operation and status."""

    def succeeded(self) -> set[str]:
        """Return the operations that succeeded, with a status below 300, at least once."""
        return {operation for operation, status in self.answers if status < 300}


@contextmanager
def serve_api(database_url: str, log: Path) -> Iterator[str]:
    """Serve an API in a separate process that logs to *log*, and yield the API's address."""
    command = [sys.executable, "-m", "tests.http.workflow_server", database_url]
    with log.open("w") as stderr, Popen(command, stdout=PIPE, stderr=stderr, text=True) as server:
        try:
            assert server.stdout
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def explore(address: str, *, seconds: int, seed: int) -> Findings:
    """Send requests to the API at *address* for *seconds*, or only a few if *seconds* is 0."""
    config = Config.from_dict(_LONG | {"max-time": seconds} if seconds else _SHORT)
    config.update(seed=seed, max_failures=None)
    config.projects.default.update(base_url=address)
    schema = schemathesis.openapi.from_dict(_document_with_links(address), config=config)
    _sign_in(schema)
    failures: dict[str, str] = {}
    answers: Counter[tuple[str, int]] = Counter()
    with _guided():
        for event in from_schema(schema).execute():
            match event:
                case events.ScenarioFinished():
                    failures.update(_failures(event.recorder))
                    answers.update(_statuses(event.recorder))
                case events.NonFatalError():
                    failures[f"{event.label}: {event.info.title}"] = event.info.format()
                case events.FatalError():
                    raise event.exception
    return Findings(failures, answers)


def _sign_in(schema: BaseSchema) -> None:
    """Send a token with each request. Requests that may revoke tokens use those of another user."""
    api = f"{schema.get_base_url()}/api/v1/auth"

    def user_of(_: Case[Any], context: AuthContext) -> str:
        return "bob" if "/auth/" in context.operation.path else "ann"

    @schema.auth(cache_by_key=user_of)
    class _Account:
        def get(self, case: Case[Any], context: AuthContext) -> str:
            who = {"email": f"{user_of(case, context)}@example.com", "password": PASSWORD}
            answer = httpx.post(f"{api}/login", json=who)
            if answer.status_code == 401:
                answer = httpx.post(f"{api}/register", json=who | {"name": "Ann"})
            return str(answer.json()["token"])

        def set(self, case: Case[Any], token: str, _: AuthContext) -> None:
            case.headers["Authorization"] = f"Bearer {token}"


def _document_with_links(address: str) -> dict[str, Any]:
    """Return the OpenAPI document with links from a new project to its resources."""
    described: dict[str, Any] = httpx.get(f"{address}/api/v1/openapi.json").json()
    made = described["paths"]["/api/v1/projects"]["post"]["responses"]["201"]
    made["links"] = {
        kind: {
            "operationRef": f"#/paths/~1api~1v1~1{kind}/post",
            "requestBody": {"project_id": "$response.body#/id"},
        }
        for kind in ("deployments", "domains", "env", "notifications", "webhooks")
    }
    return described


@contextmanager
def _guided() -> Iterator[None]:
    """Make Schemathesis's valid requests follow the domain's rules until the block ends."""

    def before_call(_: HookContext, case: Case[Any], __: dict[str, Any]) -> None:
        follow_domain_rules(case, {})
        if case.query and "wait" in case.query:
            case.query["wait"] = _LONGEST_WAIT

    schemathesis.hook(before_call)
    try:
        yield
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(before_call)


def _failures(recorder: ScenarioRecorder) -> Iterator[tuple[str, str]]:
    for node in (node for nodes in recorder.checks.values() for node in nodes):
        if node.failure_info is not None:
            failure = node.failure_info.failure
            label = f"{failure.operation}: {failure.title}"
            yield label, f"{label}\n{failure.message}\n{node.failure_info.code_sample}"


def _statuses(recorder: ScenarioRecorder) -> Iterator[tuple[str, int]]:
    for case_id, interaction in recorder.interactions.items():
        if interaction.response is not None:
            yield recorder.cases[case_id].value.operation.label, interaction.response.status_code
