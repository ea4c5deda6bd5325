"""
Deliveries of forges in the form that each of them documents, and signed as each of them signs.

They are shortened where a forge tells more of people and repositories than anybody wants to know.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from attrs import field, frozen

from pushpaka_core.domain.webhooks import Forge

NOTHING = "0" * 40
BEFORE = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
AFTER = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c"
CHANGES = {"added": ["src/new.py"], "modified": ["README.md"], "removed": []}
FORK = 99

Json = dict[str, Any]


@frozen(kw_only=True)
class Delivery:
    """What a forge sends."""

    forge: Forge
    event: str
    payload: Json
    id: str = field(factory=lambda: str(uuid4()))

    @property
    def body(self) -> bytes:
        """Return it as it is sent."""
        return json.dumps(self.payload).encode()

    def headers(self, secret: str) -> dict[str, str]:
        """Return the headers of a delivery that is signed with *secret*."""
        digest = hmac.new(secret.encode(), self.body, "sha256").hexdigest()
        match self.forge:
            case Forge.GITHUB:
                proof = {"X-Hub-Signature-256": f"sha256={digest}"}
            case Forge.GITEA:
                proof = {"X-Gitea-Signature": digest}
            case Forge.GITLAB:
                proof = {"X-Gitlab-Token": secret}
            case Forge.BITBUCKET:
                proof = {"X-Hub-Signature": f"sha256={digest}"}
        event_name, id_name = _NAMES[self.forge]
        names = {event_name: self.event, id_name: self.id}
        return {"Content-Type": "application/json", **names, **proof}


_NAMES = {
    Forge.GITHUB: ("X-GitHub-Event", "X-GitHub-Delivery"),
    Forge.GITEA: ("X-Gitea-Event", "X-Gitea-Delivery"),
    Forge.GITLAB: ("X-Gitlab-Event", "Idempotency-Key"),
    Forge.BITBUCKET: ("X-Event-Key", "X-Request-UUID"),
}


def push(
    forge: Forge,
    branch: str = "main",
    commit: str = AFTER,
    *,
    before: str = BEFORE,
    message: str = "Say hello",
    changes: Mapping[str, Sequence[str]] = CHANGES,
) -> Delivery:
    """Return what *forge* sends when a commit was pushed; NOTHING is no commit."""
    if forge is Forge.BITBUCKET:
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
    told: Json = {
        "ref": branch if branch.startswith("refs/") else f"refs/heads/{branch}",
        "before": before,
        "after": commit,
        "commits": [] if commit == NOTHING else commits,
    }
    match forge:
        case Forge.GITHUB:
            return Delivery(forge=forge, event="push", payload=told | _github_push(told))
        case Forge.GITEA:
            return Delivery(forge=forge, event="push", payload=told | _gitea_push(told))
        case _:
            return Delivery(forge=forge, event="Push Hook", payload=told | _gitlab_push(told))


def branch_deleted(forge: Forge, branch: str) -> Delivery:
    """Return what *forge* sends when a branch was deleted."""
    if forge is not Forge.GITEA:
        return push(forge, branch, NOTHING)
    payload = {
        "ref": branch,
        "ref_type": "branch",
        "pusher_type": "user",
        "repository": _GITEA_REPOSITORY,
        "sender": {"id": 1, "login": "ann"},
    }
    return Delivery(forge=forge, event="delete", payload=payload)


def tag_pushed(forge: Forge, tag: str = "v1.2.3") -> Delivery:
    """Return what *forge* sends when a tag was pushed."""
    delivery = push(forge, f"refs/tags/{tag}")
    match forge:
        case Forge.BITBUCKET:
            delivery.payload["push"]["changes"][0]["new"] |= {"type": "tag", "name": tag}
        case Forge.GITLAB:
            payload = delivery.payload | {"object_kind": "tag_push", "event_name": "tag_push"}
            return Delivery(forge=forge, event="Tag Push Hook", payload=payload)
    return delivery


def proposal(
    forge: Forge, action: str, branch: str = "next", commit: str = AFTER, *, of_fork: bool = False
) -> Delivery:
    """Return what *forge* sends of pull request 7, by its own word for what happened."""
    match forge:
        case Forge.GITLAB:
            return _merge_request(action, branch, commit, source=FORK if of_fork else 14)
        case Forge.BITBUCKET:
            return _bitbucket_request(action, branch, commit, source="fork" if of_fork else "own")
        case _:
            return _pull_request(forge, action, branch, commit, source=FORK if of_fork else 14)


def ping(forge: Forge) -> Delivery:
    """Return what a forge sends to try a webhook."""
    if forge is Forge.GITHUB:
        hook = {"type": "Repository", "id": 1, "events": ["push"], "active": True}
        payload = {"zen": "Design for failure.", "hook_id": 1, "hook": hook}
        return Delivery(forge=forge, event="ping", payload=payload)
    return Delivery(forge=forge, event="diagnostics:ping", payload={"test": True})


def _github_push(told: Json) -> Json:
    return {
        "created": told["before"] == NOTHING,
        "deleted": told["after"] == NOTHING,
        "forced": False,
        "base_ref": None,
        "compare": "https://github.com/ann/app/compare/6113728f27ae...0d1a26e67d8f",
        "head_commit": told["commits"][-1] if told["commits"] else None,
        "repository": {"id": 14, "name": "app", "full_name": "ann/app", "private": False},
        "pusher": {"name": "ann", "email": "ann@example.com"},
    }


_GITEA_REPOSITORY = {"id": 14, "name": "app", "full_name": "ann/app", "private": False}


def _gitea_push(told: Json) -> Json:
    return {
        "compare_url": "https://git.example.com/ann/app/compare/6113728f27ae...0d1a26e67d8f",
        "total_commits": len(told["commits"]),
        "head_commit": told["commits"][-1] if told["commits"] else None,
        "repository": _GITEA_REPOSITORY,
        "pusher": {"id": 1, "login": "ann"},
        "sender": {"id": 1, "login": "ann"},
    }


def _gitlab_push(told: Json) -> Json:
    return {
        "object_kind": "push",
        "event_name": "push",
        "checkout_sha": None if told["after"] == NOTHING else told["after"],
        "user_id": 4,
        "project_id": 14,
        "project": {"id": 14, "name": "App", "path_with_namespace": "ann/app"},
        "total_commits_count": len(told["commits"]),
    }


def _bitbucket_push(branch: str, commit: str, *, before: str, message: str) -> Delivery:
    def tip(sha: str) -> Json | None:
        target = {"type": "commit", "hash": sha, "message": message, "date": "2026-03-01T12:00:00"}
        named = {"type": "branch", "name": branch, "target": target}
        return None if sha == NOTHING else named

    change: Json = {
        "old": tip(before),
        "new": tip(commit),
        "created": before == NOTHING,
        "closed": commit == NOTHING,
        "forced": False,
        "truncated": False,
        "commits": [],
    }
    payload = {
        "actor": {"type": "user", "nickname": "ann"},
        "repository": {"type": "repository", "full_name": "ann/app", "uuid": "{own}"},
        "push": {"changes": [change]},
    }
    return Delivery(forge=Forge.BITBUCKET, event="repo:push", payload=payload)


def _pull_request(forge: Forge, action: str, branch: str, commit: str, *, source: int) -> Delivery:
    def end(ref: str, sha: str, repository: int) -> Json:
        repo = {"id": repository, "full_name": "ann/app", "fork": repository == FORK}
        label = ref if forge is Forge.GITEA else f"ann:{ref}"
        return {"label": label, "ref": ref, "sha": sha, "repo_id": repository, "repo": repo}

    request = {
        "id": 279147437,
        "number": 7,
        "state": "closed" if action == "closed" else "open",
        "title": "Say hello",
        "merged": False,
        "draft": False,
        "head": end(branch, commit, source),
        "base": end("main", BEFORE, 14),
    }
    payload = {"action": action, "number": 7, "pull_request": request}
    return Delivery(forge=forge, event="pull_request", payload=payload)


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
    payload = {"object_kind": "merge_request", "object_attributes": attributes}
    return Delivery(forge=Forge.GITLAB, event="Merge Request Hook", payload=payload)


def _bitbucket_request(action: str, branch: str, commit: str, *, source: str) -> Delivery:
    def end(name: str, sha: str, repository: str) -> Json:
        return {
            "branch": {"name": name},
            "commit": {"type": "commit", "hash": sha[:12]},
            "repository": {"type": "repository", "uuid": f"{{{repository}}}"},
        }

    request = {
        "id": 7,
        "title": "Say hello",
        "state": "OPEN",
        "source": end(branch, commit, source),
        "destination": end("main", BEFORE, "own"),
    }
    payload = {"pullrequest": request, "actor": {"type": "user", "nickname": "ann"}}
    return Delivery(forge=Forge.BITBUCKET, event=f"pullrequest:{action}", payload=payload)
