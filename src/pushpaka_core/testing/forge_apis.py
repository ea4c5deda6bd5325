"""The part of each forge's API that takes commit statuses, as strict as its documentation."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from attrs import frozen

API = re.compile(r"/(?:api/v\d|2\.0)/.*")
_SHA = r"(?P<commit>[0-9a-f]{40})"


@frozen(kw_only=True)
class _Api:
    """What one forge wants to hear."""

    path: re.Pattern[str]
    proof: tuple[str, str]
    """A header, and what stands in it before the token."""
    states: frozenset[str]
    required: frozenset[str]
    known: frozenset[str]


@frozen(kw_only=True)
class ToldStatus:
    """A status that was taken."""

    commit: str
    state: str
    url: str
    """Where the commit answers."""


_USUAL = frozenset({"context", "description", "state", "target_url"})
_APIS = (
    _Api(
        path=re.compile(rf"/api/v3/repos/[^/]+/[^/]+/statuses/{_SHA}"),
        proof=("Authorization", "Bearer "),
        states=frozenset({"error", "failure", "pending", "success"}),
        required=frozenset({"state"}),
        known=_USUAL,
    ),
    _Api(
        path=re.compile(rf"/api/v1/repos/[^/]+/[^/]+/statuses/{_SHA}"),
        proof=("Authorization", "token "),
        states=frozenset({"error", "failure", "pending", "success", "warning"}),
        required=frozenset({"state"}),
        known=_USUAL,
    ),
    _Api(
        path=re.compile(rf"/api/v4/projects/[^/]+%2F[^/]+/statuses/{_SHA}"),
        proof=("PRIVATE-TOKEN", ""),
        states=frozenset({"canceled", "failed", "pending", "running", "skipped", "success"}),
        required=frozenset({"state"}),
        known=frozenset(
            {"context", "coverage", "description", "name", "ref", "state", "target_url"}
        ),
    ),
    _Api(
        path=re.compile(rf"/2\.0/repositories/[^/]+/[^/]+/commit/{_SHA}/statuses/build"),
        proof=("Authorization", "Bearer "),
        states=frozenset({"FAILED", "INPROGRESS", "STOPPED", "SUCCESSFUL"}),
        required=frozenset({"key", "state", "url"}),
        known=frozenset({"description", "key", "name", "refname", "state", "url"}),
    ),
)


def take_status(
    path: str, headers: Mapping[str, str], body: bytes, *, token: str
) -> tuple[HTTPStatus, ToldStatus | None]:
    """Return what the forge answers, and the status that it takes."""
    for api in _APIS:
        if match := api.path.fullmatch(path):
            return _judge(api, match["commit"], headers, body, token)
    return HTTPStatus.NOT_FOUND, None


def _judge(
    api: _Api, commit: str, headers: Mapping[str, str], body: bytes, token: str
) -> tuple[HTTPStatus, ToldStatus | None]:
    name, before = api.proof
    if headers.get(name) != before + token:
        return HTTPStatus.UNAUTHORIZED, None
    if headers.get("Content-Type") != "application/json":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, None
    told: dict[str, Any] = json.loads(body)
    is_whole = api.required <= told.keys() <= api.known and told["state"] in api.states
    if not is_whole or len(told.get("key", "")) > 40 or len(told["description"]) > 140:
        return HTTPStatus.BAD_REQUEST, None
    url = told.get("target_url") or told["url"]
    return HTTPStatus.CREATED, ToldStatus(commit=commit, state=told["state"], url=url)
