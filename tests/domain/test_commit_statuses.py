"""How each forge is told of a commit, in the form that it documents."""

from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.deliveries import AFTER

from pushpaka_core.domain.forges.statuses import (
    CommitState,
    CommitStatus,
    ForgeCall,
    ForgeRepository,
)
from pushpaka_core.domain.sources import SourcePolicy, parse_repo_url
from pushpaka_core.domain.webhooks import DIALECTS, Forge

POLICY = SourcePolicy(allow_http=True)
WORDS = {
    Forge.GITHUB: ("pending", "success", "failure", "error"),
    Forge.GITEA: ("pending", "success", "failure", "error"),
    Forge.GITLAB: ("pending", "success", "failed", "canceled"),
    Forge.BITBUCKET: ("INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"),
}


def a_status(state: CommitState = CommitState.SUCCESS, context: str = "pushpaka/shop") -> Any:
    return CommitStatus(
        commit_sha=AFTER,
        state=state,
        context=context,
        description="It is deployed.",
        url="https://shop.example.com",
    )


def call_to(forge: Forge, url: str, token: str = "t0ken", **wishes: Any) -> ForgeCall:
    repository = ForgeRepository.of(parse_repo_url(url, POLICY), token)
    assert repository is not None
    return DIALECTS[forge].report(repository, a_status(**wishes))


@pytest.mark.parametrize(
    ("forge", "repo_url", "called"),
    [
        (
            Forge.GITHUB,
            "https://github.com/ann/app.git",
            f"https://api.github.com/repos/ann/app/statuses/{AFTER}",
        ),
        (
            Forge.GITHUB,
            "git@github.com:ann/app.git",
            f"https://api.github.com/repos/ann/app/statuses/{AFTER}",
        ),
        (
            Forge.GITHUB,
            "https://git.example.com/ann/app",
            f"https://git.example.com/api/v3/repos/ann/app/statuses/{AFTER}",
        ),
        (
            Forge.GITLAB,
            "https://gitlab.com/group/team/app.git",
            f"https://gitlab.com/api/v4/projects/group%2Fteam%2Fapp/statuses/{AFTER}",
        ),
        (
            Forge.GITEA,
            "http://git.example.com:3000/ann/app",
            f"http://git.example.com:3000/api/v1/repos/ann/app/statuses/{AFTER}",
        ),
        (
            Forge.GITEA,
            "ssh://git@git.example.com:2222/ann/app.git",
            f"https://git.example.com/api/v1/repos/ann/app/statuses/{AFTER}",
        ),
        (
            Forge.BITBUCKET,
            "https://bitbucket.org/ann/app",
            f"https://api.bitbucket.org/2.0/repositories/ann/app/commit/{AFTER}/statuses/build",
        ),
    ],
)
def test_each_forge_is_called_where_its_api_is(forge: Forge, repo_url: str, called: str) -> None:
    """Which follows from the address of the repository."""
    assert called == call_to(forge, repo_url).url


@pytest.mark.parametrize("forge", Forge)
def test_each_forge_hears_its_own_words(forge: Forge) -> None:
    """For each state, with the address."""
    calls = [call_to(forge, "https://git.example.com/ann/app", state=s) for s in CommitState]

    assert WORDS[forge] == tuple(call.body["state"] for call in calls)
    for call in calls:
        assert "https://shop.example.com" in call.body.values()
        assert "pushpaka/shop" in call.body.values()


@pytest.mark.parametrize(
    ("forge", "token", "header", "value"),
    [
        (Forge.GITHUB, "t0ken", "Authorization", "Bearer t0ken"),
        (Forge.GITHUB, "x-access-token:t0ken", "Authorization", "Bearer t0ken"),
        (Forge.GITEA, "ann:t0ken", "Authorization", "token t0ken"),
        (Forge.GITLAB, "oauth2:t0ken", "PRIVATE-TOKEN", "t0ken"),
        (Forge.BITBUCKET, "t0ken", "Authorization", "Bearer t0ken"),
        (Forge.BITBUCKET, "x-token-auth:t0ken", "Authorization", "Bearer t0ken"),
        (
            Forge.BITBUCKET,
            "ann:t0ken",
            "Authorization",
            f"Basic {b64encode(b'ann:t0ken').decode()}",
        ),
    ],
)
def test_the_token_is_shown_as_each_forge_wants_it(
    forge: Forge, token: str, header: str, value: str
) -> None:
    """As git takes it, it may have an account before it; it is in no address and no text."""
    call = call_to(forge, "https://git.example.com/ann/app", token)

    assert value == call.headers[header]
    assert "t0ken" not in call.url + repr(call) + repr(call.body)


def test_a_key_of_bitbucket_is_short_and_its_own() -> None:
    """It takes 40 characters, which may be fewer than the line has."""
    keys = {
        call_to(Forge.BITBUCKET, "https://bitbucket.org/a/b", context=context).body["key"]
        for context in ("pushpaka/" + "x" * 40, "pushpaka/" + "x" * 40 + "/preview")
    }

    assert [40, 40] == [len(key) for key in keys]


@pytest.mark.parametrize(
    "repo_url", ["https://git.example.com/app", "https://git.example.com/%2e%2e/app"]
)
def test_what_no_forge_has_is_not_called(repo_url: str) -> None:
    """A path that is no owner with a name, or could become another one on the way."""
    assert ForgeRepository.of(parse_repo_url(repo_url, POLICY), "t") is None


def test_a_call_stays_with_its_host() -> None:
    """Whatever the repository is called, the host is that of its address."""
    for forge in Forge:
        call = call_to(forge, "https://git.example.com/api.github.com/x")
        assert "git.example.com" == urlsplit(call.url).netloc
