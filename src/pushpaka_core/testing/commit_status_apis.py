"""Fake commit status APIs of the supported Git providers, which reject undocumented requests."""

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
    """The requests that one Git provider accepts."""

    path: re.Pattern[str]
    token_header: tuple[str, str]
    """The name of the header with the token, and the prefix of the token."""
    states: frozenset[str]
    required: frozenset[str]
    known: frozenset[str]


@frozen(kw_only=True)
class ReportedStatus:
    """A commit status that was accepted."""

    commit: str
    state: str
    url: str
    """The URL of the deployed commit."""


_COMMON_FIELDS = frozenset({"context", "description", "state", "target_url"})
_APIS = (
    _Api(
        path=re.compile(rf"/api/v3/repos/[^/]+/[^/]+/statuses/{_SHA}"),
        token_header=("Authorization", "Bearer "),
        states=frozenset({"error", "failure", "pending", "success"}),
        required=frozenset({"state"}),
        known=_COMMON_FIELDS,
    ),
    _Api(
        path=re.compile(rf"/api/v1/repos/[^/]+/[^/]+/statuses/{_SHA}"),
        token_header=("Authorization", "token "),
        states=frozenset({"error", "failure", "pending", "success", "warning"}),
        required=frozenset({"state"}),
        known=_COMMON_FIELDS,
    ),
    _Api(
        path=re.compile(rf"/api/v4/projects/[^/]+%2F[^/]+/statuses/{_SHA}"),
        token_header=("PRIVATE-TOKEN", ""),
        states=frozenset({"canceled", "failed", "pending", "running", "skipped", "success"}),
        required=frozenset({"state"}),
        known=frozenset(
            {"context", "coverage", "description", "name", "ref", "state", "target_url"}
        ),
    ),
    _Api(
        path=re.compile(rf"/2\.0/repositories/[^/]+/[^/]+/commit/{_SHA}/statuses/build"),
        token_header=("Authorization", "Bearer "),
        states=frozenset({"FAILED", "INPROGRESS", "STOPPED", "SUCCESSFUL"}),
        required=frozenset({"key", "state", "url"}),
        known=frozenset({"description", "key", "name", "refname", "state", "url"}),
    ),
)


def receive_status(
    path: str, headers: Mapping[str, str], body: bytes, *, token: str
) -> tuple[HTTPStatus, ReportedStatus | None]:
    """Return the response status of the Git provider, and the commit status if it was accepted."""
    for api in _APIS:
        if match := api.path.fullmatch(path):
            return _respond(api, match["commit"], headers, body, token)
    return HTTPStatus.NOT_FOUND, None


def _respond(
    api: _Api, commit: str, headers: Mapping[str, str], body: bytes, token: str
) -> tuple[HTTPStatus, ReportedStatus | None]:
    name, before = api.token_header
    if headers.get(name) != before + token:
        return HTTPStatus.UNAUTHORIZED, None
    if headers.get("Content-Type") != "application/json":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, None
    document: dict[str, Any] = json.loads(body)
    is_whole = api.required <= document.keys() <= api.known and document["state"] in api.states
    if not is_whole or len(document.get("key", "")) > 40 or len(document["description"]) > 140:
        return HTTPStatus.BAD_REQUEST, None
    url = document.get("target_url") or document["url"]
    return HTTPStatus.CREATED, ReportedStatus(commit=commit, state=document["state"], url=url)
