"""Tests commit statuses in the format of each Git provider's API."""

from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.webhook_deliveries import AFTER, GIT_PROVIDERS

from pushpaka_core.domain.integrations.git_providers.statuses import (
    ApiRequest,
    CommitState,
    CommitStatus,
    ProviderRepository,
)
from pushpaka_core.domain.integrations.webhooks import PROVIDER_APIS, GitProvider
from pushpaka_core.domain.projects.sources import SourcePolicy, parse_repo_url

POLICY = SourcePolicy(allow_http=True)
WORDS = {
    GitProvider.GITHUB: ("pending", "success", "failure", "error"),
    GitProvider.GITEA: ("pending", "success", "failure", "error"),
    GitProvider.GITLAB: ("pending", "success", "failed", "canceled"),
    GitProvider.BITBUCKET: ("INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"),
}


def new_status(state: CommitState = CommitState.SUCCESS, context: str = "pushpaka/shop") -> Any:
    return CommitStatus(
        commit_sha=AFTER,
        state=state,
        context=context,
        description="The deployment is live.",
        url="https://shop.example.com",
    )


def request_to(
    git_provider: GitProvider, url: str, token: str = "t0ken", **overrides: Any
) -> ApiRequest:
    repository = ProviderRepository.of(parse_repo_url(url, POLICY), token)
    request_of = PROVIDER_APIS[git_provider].status_request
    assert repository is not None
    assert request_of is not None
    return request_of(repository, new_status(**overrides))


@pytest.mark.parametrize(
    ("git_provider", "repo_url", "expected_url"),
    [
        *(
            (GitProvider.GITHUB, url, f"https://{api}/repos/ann/app/statuses/{AFTER}")
            for url, api in (
                ("https://github.com/ann/app.git", "api.github.com"),
                ("git@github.com:ann/app.git", "api.github.com"),
                ("https://git.example.com/ann/app", "git.example.com/api/v3"),
            )
        ),
        *(
            (GitProvider.GITEA, url, f"{api}/api/v1/repos/ann/app/statuses/{AFTER}")
            for url, api in (
                ("http://git.example.com:3000/ann/app", "http://git.example.com:3000"),
                ("ssh://git@git.example.com:2222/ann/app.git", "https://git.example.com"),
            )
        ),
        (
            GitProvider.GITLAB,
            "https://gitlab.com/group/team/app.git",
            f"https://gitlab.com/api/v4/projects/group%2Fteam%2Fapp/statuses/{AFTER}",
        ),
        (
            GitProvider.BITBUCKET,
            "https://bitbucket.org/ann/app",
            f"https://api.bitbucket.org/2.0/repositories/ann/app/commit/{AFTER}/statuses/build",
        ),
    ],
)
def test_status_is_sent_to_the_api_of_the_git_provider(
    git_provider: GitProvider, repo_url: str, expected_url: str
) -> None:
    assert expected_url == request_to(git_provider, repo_url).url


@pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
def test_status_uses_the_terms_of_the_git_provider(git_provider: GitProvider) -> None:
    calls = [
        request_to(git_provider, "https://git.example.com/ann/app", state=s) for s in CommitState
    ]

    assert WORDS[git_provider] == tuple(call.body["state"] for call in calls)
    for call in calls:
        assert "https://shop.example.com" in call.body.values()
        assert "pushpaka/shop" in call.body.values()


@pytest.mark.parametrize(
    ("git_provider", "token", "header"),
    [
        (GitProvider.GITHUB, "t0ken", "Bearer t0ken"),
        (GitProvider.GITHUB, "x-access-token:t0ken", "Bearer t0ken"),
        (GitProvider.GITEA, "ann:t0ken", "token t0ken"),
        (GitProvider.GITLAB, "oauth2:t0ken", "t0ken"),
        (GitProvider.BITBUCKET, "t0ken", "Bearer t0ken"),
        (GitProvider.BITBUCKET, "x-token-auth:t0ken", "Bearer t0ken"),
        (GitProvider.BITBUCKET, "ann:t0ken", f"Basic {b64encode(b'ann:t0ken').decode()}"),
    ],
)
def test_token_is_in_a_header_only(git_provider: GitProvider, token: str, header: str) -> None:
    """The token is not in the URL or the body, and the header has the Git provider's format."""
    call = request_to(git_provider, "https://git.example.com/ann/app", token)

    assert (
        header
        == call.headers["PRIVATE-TOKEN" if git_provider is GitProvider.GITLAB else "Authorization"]
    )
    assert "t0ken" not in call.url + repr(call) + repr(call.body)


def test_bitbucket_key_is_short_and_unique() -> None:
    keys = {
        request_to(GitProvider.BITBUCKET, "https://bitbucket.org/a/b", context=context).body["key"]
        for context in ("pushpaka/" + "x" * 40, "pushpaka/" + "x" * 40 + "/preview")
    }

    assert [40, 40] == [len(key) for key in keys]


@pytest.mark.parametrize(
    "repo_url", ["https://git.example.com/app", "https://git.example.com/%2e%2e/app"]
)
def test_url_without_owner_or_name_is_not_a_repository(repo_url: str) -> None:
    assert ProviderRepository.of(parse_repo_url(repo_url, POLICY), "t") is None


def test_request_is_sent_to_the_host_of_the_repository() -> None:
    for git_provider in GIT_PROVIDERS:
        call = request_to(git_provider, "https://git.example.com/api.github.com/x")
        assert "git.example.com" == urlsplit(call.url).netloc
