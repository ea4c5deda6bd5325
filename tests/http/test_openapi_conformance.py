"""The API conforms to its OpenAPI document, according to Schemathesis."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
import schemathesis
from attrs import evolve, frozen
from hypothesis import settings
from schemathesis import BaseSchema, Case
from tests.fuzzing.effort import repeatable
from tests.http.clients import register_user
from tests.http.instances import Instance
from tests.http.operations import create_resources
from tests.http.sound_requests import follow_domain_rules

from pushpaka_core.ports.system import DEFAULT_WINDOW_SECONDS
from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits


class NullRateCounters:
    """Rate counters that count nothing, and work on any event loop."""

    async def hit(
        self, key: str, limit: int, /, *, window_seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> float | None:
        """Return None, so that no hit is refused."""

    async def is_limit_reached(
        self, key: str, limit: int, /, *, window_seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> bool:
        """Return False, so that no limit is ever reached."""
        del key, limit, window_seconds
        return False


INSTANCE = Instance.empty()
APP = create_app(
    evolve(INSTANCE.application, rate_counters=NullRateCounters()),
    limits=Limits(event_stream_seconds=0),
)


def load_document(*, all_kinds: bool) -> BaseSchema:
    """
    Return the document for Schemathesis. With *all_kinds*, requests have more kinds of
    errors.
    """
    schema = schemathesis.openapi.from_dict(APP.openapi_schema.to_schema())
    schema.app = APP
    schema.config.phases.coverage.enabled = all_kinds
    # The description has types and bounds; violated rules of the domain are answered with 400.
    acceptance = schema.config.checks.positive_data_acceptance
    acceptance.expected_statuses = [*acceptance.expected_statuses, "400"]
    return schema


API, SOUND_API = load_document(all_kinds=True), load_document(all_kinds=False)
few = settings(repeatable, max_examples=3)
pytestmark = pytest.mark.suite("integration")


@frozen
class Owner:
    """A user who has one resource of each kind."""

    headers: Mapping[str, str]
    ids: Mapping[str, str]

    @classmethod
    async def sign_up(cls) -> "Owner":
        """Sign up, and create one resource of each kind."""
        person = await register_user(APP)
        ids = await create_resources(INSTANCE, person)
        finished = ids["older_deployment_id"]  # Its log ends.
        await INSTANCE.say(finished, "one", "two")
        headers = {"Authorization": f"Bearer {person.token}"}
        return cls(headers, ids | {"deployment_id": finished})


@pytest.fixture(scope="module")
def shared_owner() -> Owner:
    with ThreadPoolExecutor(1) as thread:  # Other tests may have left an event loop here.
        return thread.submit(anyio.run, Owner.sign_up).result()


@pytest.fixture
def owner(shared_owner: Owner) -> Iterator[Owner]:
    before = INSTANCE.save()
    yield shared_owner
    INSTANCE.restore(before)


@API.parametrize()
@few
def test_every_response_is_documented(case: Case[Any], owner: Owner) -> None:
    """Generated requests, both valid and invalid, get only documented responses."""
    case.call_and_validate(headers=dict(owner.headers))


@SOUND_API.parametrize()
@few
def test_responses_about_own_resources_are_documented(case: Case[Any], owner: Owner) -> None:
    follow_domain_rules(case, owner.ids)

    case.call_and_validate(headers=dict(owner.headers))
