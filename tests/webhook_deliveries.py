"""
Webhook deliveries in the documented format of each Git provider and registry, signed as that
service does.

Details about people and repositories are left out.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from attrs import evolve, field, frozen

from pushpaka_core.domain.integrations.webhooks import PROVIDER_APIS, GitProvider

GIT_PROVIDERS = [each for each in GitProvider if not PROVIDER_APIS[each].has_secret_in_url]
"""The senders that push commits and sign their deliveries. The others are registries."""
REPOSITORY = "https://git.example.com/ann/app"
NO_COMMIT = "0" * 40
BEFORE = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
AFTER = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c"
DIGEST = f"sha256:{'d' * 64}"
CHANGES = {"added": ["src/new.py"], "modified": ["README.md"], "removed": []}
FORK = 99

Json = dict[str, Any]


@frozen(kw_only=True)
class Delivery:
    """A webhook request that a Git provider sends."""

    git_provider: GitProvider
    event: str
    payload: Json
    id: str = field(factory=lambda: str(uuid4()))

    def of_repository(self, url: str) -> "Delivery":
        """Return a copy of the delivery for the repository at *url*."""
        named = _repository_payload(self.git_provider, url)
        return evolve(self, payload={**self.payload, **named})

    @property
    def body(self) -> bytes:
        """The body of the request."""
        return json.dumps(self.payload).encode()

    def headers(self, secret: str) -> dict[str, str]:
        """Return the headers of the request, signed with *secret*."""
        digest = hmac.new(secret.encode(), self.body, "sha256").hexdigest()
        match self.git_provider:
            case GitProvider.GITHUB:
                proof = {"X-Hub-Signature-256": f"sha256={digest}"}
            case GitProvider.GITEA:
                proof = {"X-Gitea-Signature": digest}
            case GitProvider.GITLAB:
                proof = {"X-Gitlab-Token": secret}
            case GitProvider.BITBUCKET:
                proof = {"X-Hub-Signature": f"sha256={digest}"}
            case _:
                return {"Content-Type": "application/json"}
        event_name, id_name = _NAMES[self.git_provider]
        names = {event_name: self.event, id_name: self.id}
        return {"Content-Type": "application/json", **names, **proof}

    def lower_case_headers(self, secret: str) -> dict[str, str]:
        """Return the headers with lowercase names, as a server passes them on."""
        return {name.lower(): value for name, value in self.headers(secret).items()}


_NAMES = {
    GitProvider.GITHUB: ("X-GitHub-Event", "X-GitHub-Delivery"),
    GitProvider.GITEA: ("X-Gitea-Event", "X-Gitea-Delivery"),
    GitProvider.GITLAB: ("X-Gitlab-Event", "Idempotency-Key"),
    GitProvider.BITBUCKET: ("X-Event-Key", "X-Request-UUID"),
}


def push(
    git_provider: GitProvider,
    branch: str = "main",
    commit: str = AFTER,
    *,
    before: str = BEFORE,
    message: str = "Say hello",
    changes: Mapping[str, Sequence[str]] = CHANGES,
) -> Delivery:
    """Return the delivery for a pushed commit, or for a deleted branch if *commit* is NO_COMMIT."""
    if git_provider is GitProvider.BITBUCKET:
        return _bitbucket_push(branch, commit, before=before, message=message)
    commits = [
        {
            "id": commit,
            "message": message,
            "timestamp": "2026-03-01T12:00:00+00:00",
            "url": f"https://git.example.com/ann/app/commit/{commit}",
            "author": {"name": "Ann", "email": "ann@example.com", "username": "ann"},
            **{kind: list(paths) for kind, paths in changes.items()},
        }
    ]
    common: Json = {
        "ref": branch if branch.startswith("refs/") else f"refs/heads/{branch}",
        "before": before,
        "after": commit,
        "commits": [] if commit == NO_COMMIT else commits,
    }
    match git_provider:
        case GitProvider.GITHUB:
            return Delivery(
                git_provider=git_provider, event="push", payload=common | _github_push(common)
            )
        case GitProvider.GITEA:
            return Delivery(
                git_provider=git_provider, event="push", payload=common | _gitea_push(common)
            )
        case _:
            return Delivery(
                git_provider=git_provider, event="Push Hook", payload=common | _gitlab_push(common)
            )


def branch_deleted(git_provider: GitProvider, branch: str) -> Delivery:
    """Return the delivery for a deleted branch."""
    if git_provider is not GitProvider.GITEA:
        return push(git_provider, branch, NO_COMMIT)
    payload = {
        "ref": branch,
        "ref_type": "branch",
        "pusher_type": "user",
        **_repository_payload(git_provider),
        "sender": {"id": 1, "login": "ann"},
    }
    return Delivery(git_provider=git_provider, event="delete", payload=payload)


def tag_pushed(git_provider: GitProvider, tag: str = "v1.2.3") -> Delivery:
    """Return the delivery for a pushed tag."""
    delivery = push(git_provider, f"refs/tags/{tag}")
    match git_provider:
        case GitProvider.BITBUCKET:
            delivery.payload["push"]["changes"][0]["new"] |= {"type": "tag", "name": tag}
        case GitProvider.GITLAB:
            payload = delivery.payload | {"object_kind": "tag_push", "event_name": "tag_push"}
            return Delivery(git_provider=git_provider, event="Tag Push Hook", payload=payload)
    return delivery


def pull_request(
    git_provider: GitProvider,
    action: str,
    branch: str = "next",
    commit: str = AFTER,
    *,
    of_fork: bool = False,
) -> Delivery:
    """Return the delivery for pull request 7. *action* is in the Git provider's terms."""
    match git_provider:
        case GitProvider.GITLAB:
            return _merge_request(action, branch, commit, source=FORK if of_fork else 14)
        case GitProvider.BITBUCKET:
            return _bitbucket_request(action, branch, commit, source="fork" if of_fork else "own")
        case _:
            return _pull_request(
                git_provider, action, branch, commit, source=FORK if of_fork else 14
            )


def ping(git_provider: GitProvider) -> Delivery:
    """Return the delivery that a Git provider sends to test a webhook."""
    if git_provider is GitProvider.GITHUB:
        hook = {"type": "Repository", "id": 1, "events": ["push"], "active": True}
        payload = {"zen": "Design for failure.", "hook_id": 1, "hook": hook}
        return Delivery(git_provider=git_provider, event="ping", payload=payload)
    return Delivery(git_provider=git_provider, event="diagnostics:ping", payload={"test": True})


def _repository_payload(git_provider: GitProvider, url: str = REPOSITORY) -> Json:
    """Return the part of a payload that describes the repository at *url*."""
    host, _, path = url.partition("://")[2].partition("/")
    clone, ssh, name = f"{url}.git", f"git@{host.partition(':')[0]}:{path}.git", path.split("/")[-1]
    match git_provider:
        case GitProvider.GITLAB:
            addresses = {"git_http_url": clone, "git_ssh_url": ssh, "web_url": url}
            return {"project": {"id": 14, "name": name, "path_with_namespace": path, **addresses}}
        case GitProvider.BITBUCKET:
            links = {"html": {"href": url}}
            repository = {"type": "repository", "full_name": path, "uuid": "{own}", "links": links}
            return {"repository": repository}
        case _:
            addresses = {"clone_url": clone, "ssh_url": ssh, "html_url": url}
            about = {"id": 14, "name": name, "full_name": path, "private": False}
            return {"repository": about | addresses}


def _github_push(common: Json) -> Json:
    return {
        "created": common["before"] == NO_COMMIT,
        "deleted": common["after"] == NO_COMMIT,
        "forced": False,
        "base_ref": None,
        "compare": "https://github.com/ann/app/compare/6113728f27ae...0d1a26e67d8f",
        "head_commit": common["commits"][-1] if common["commits"] else None,
        **_repository_payload(GitProvider.GITHUB),
        "pusher": {"name": "ann", "email": "ann@example.com"},
    }


def _gitea_push(common: Json) -> Json:
    return {
        "compare_url": "https://git.example.com/ann/app/compare/6113728f27ae...0d1a26e67d8f",
        "total_commits": len(common["commits"]),
        "head_commit": common["commits"][-1] if common["commits"] else None,
        **_repository_payload(GitProvider.GITEA),
        "pusher": {"id": 1, "login": "ann"},
        "sender": {"id": 1, "login": "ann"},
    }


def _gitlab_push(common: Json) -> Json:
    return {
        "object_kind": "push",
        "event_name": "push",
        "checkout_sha": None if common["after"] == NO_COMMIT else common["after"],
        "user_id": 4,
        "project_id": 14,
        **_repository_payload(GitProvider.GITLAB),
        "total_commits_count": len(common["commits"]),
    }


def _bitbucket_push(branch: str, commit: str, *, before: str, message: str) -> Delivery:
    def tip(commit_sha: str) -> Json | None:
        target = {
            "type": "commit",
            "hash": commit_sha,
            "message": message,
            "date": "2026-03-01T12:00:00",
        }
        named = {"type": "branch", "name": branch, "target": target}
        return None if commit_sha == NO_COMMIT else named

    change: Json = {
        "old": tip(before),
        "new": tip(commit),
        "created": before == NO_COMMIT,
        "closed": commit == NO_COMMIT,
        "forced": False,
        "truncated": False,
        "commits": [],
    }
    payload = {
        "actor": {"type": "user", "nickname": "ann"},
        **_repository_payload(GitProvider.BITBUCKET),
        "push": {"changes": [change]},
    }
    return Delivery(git_provider=GitProvider.BITBUCKET, event="repo:push", payload=payload)


def _pull_request(
    git_provider: GitProvider, action: str, branch: str, commit: str, *, source: int
) -> Delivery:
    def side(ref: str, sha: str, repository: int) -> Json:
        repo = {"id": repository, "full_name": "ann/app", "fork": repository == FORK}
        label = ref if git_provider is GitProvider.GITEA else f"ann:{ref}"
        return {"label": label, "ref": ref, "sha": sha, "repo_id": repository, "repo": repo}

    request = {
        "id": 279147437,
        "number": 7,
        "state": "closed" if action == "closed" else "open",
        "title": "Say hello",
        "merged": False,
        "draft": False,
        "head": side(branch, commit, source),
        "base": side("main", BEFORE, 14),
    }
    payload = {
        "action": action,
        "number": 7,
        "pull_request": request,
        **_repository_payload(git_provider),
    }
    return Delivery(git_provider=git_provider, event="pull_request", payload=payload)


def _merge_request(action: str, branch: str, commit: str, *, source: int) -> Delivery:
    attributes = {
        "id": 99,
        "iid": 7,
        "source_branch": branch,
        "target_branch": "main",
        "source_project_id": source,
        "target_project_id": 14,
        "state": "opened",
        "action": "update" if action == "relabel" else action,
        "last_commit": {"id": commit, "message": "Say hello", "title": "Say hello"},
    }
    if action == "update":
        attributes["oldrev"] = BEFORE
    named = _repository_payload(GitProvider.GITLAB)
    payload = {"object_kind": "merge_request", **named, "object_attributes": attributes}
    return Delivery(git_provider=GitProvider.GITLAB, event="Merge Request Hook", payload=payload)


def _bitbucket_request(action: str, branch: str, commit: str, *, source: str) -> Delivery:
    def side(name: str, sha: str, repository: str) -> Json:
        return {
            "branch": {"name": name},
            "commit": {"type": "commit", "hash": sha[:12]},
            "repository": {"type": "repository", "uuid": f"{{{repository}}}"},
        }

    request = {
        "id": 7,
        "title": "Say hello",
        "state": "OPEN",
        "source": side(branch, commit, source),
        "destination": side("main", BEFORE, "own"),
    }
    actor = {"type": "user", "nickname": "ann"}
    payload = {"pullrequest": request, "actor": actor, **_repository_payload(GitProvider.BITBUCKET)}
    return Delivery(
        git_provider=GitProvider.BITBUCKET, event=f"pullrequest:{action}", payload=payload
    )


def image_pushed(
    git_provider: GitProvider,
    tag: str = "1.5",
    repository: str = "acme/shop",
    *,
    digest: str = DIGEST,
) -> Delivery:
    """Return the delivery for a pushed image of *repository*."""
    match git_provider:
        case GitProvider.DOCKER_HUB:
            payload: Json = {
                "callback_url": f"https://registry.hub.docker.com/u/{repository}/hook/1/",
                "push_data": {"pushed_at": 1772366400, "pusher": "ann", "tag": tag},
                "repository": {"repo_name": repository, "status": "Active"},
            }
            return Delivery(git_provider=git_provider, event="", payload=payload)
        case GitProvider.REGISTRY:
            layer = {"mediaType": "application/octet-stream", "repository": repository}
            target = {"digest": digest, "repository": repository, "tag": tag}
            events = [
                {"id": "1", "action": "push", "target": layer},
                {"id": "2", "action": "pull", "target": target},
                {"id": "3", "action": "push", "target": target},
            ]
            return Delivery(git_provider=git_provider, event="", payload={"events": events})
        case _:
            namespace, _, name = repository.partition("/")
            package = {
                "name": name,
                "namespace": namespace,
                "package_type": "CONTAINER",
                "package_version": {
                    "version": digest,
                    "container_metadata": {"tag": {"name": tag, "digest": digest}},
                    "package_url": f"ghcr.io/{repository}:{tag}",
                },
            }
            payload = {"action": "published", "registry_package": package}
            return Delivery(git_provider=git_provider, event="registry_package", payload=payload)
