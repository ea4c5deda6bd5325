"""Makes generated requests follow domain rules that the OpenAPI document does not contain."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from schemathesis import Case, GenerationMode
from tests.http.clients import PASSWORD, REPO

_numbers = count(1)
_SOUND = {
    "repo_url": REPO,
    "branch": "main",
    "root_dir": "apps/web",
    "install_command": None,
    "build_command": "make",
    "start_command": "./serve",
    "port": 3000,
    "framework": "auto",
    "health_check": "http",
    "health_check_path": "/health",
    "health_check_timeout": 60,
    "rollback_window": 30,
    "replicas": 1,
    "cpu_limit": 0.5,
    "memory_limit": 128,
    "git_token": "secret",
    "commit_sha": "abc1234",
    "target": "production",
    "archive": None,
    "password": PASSWORD,
    "current_password": PASSWORD,
    "new_password": PASSWORD,
    "key": "A",
    "variables": {"B": "2"},
    "domain": "www.example.com",
    "expires_at": "2099-01-01T00:00:00Z",
    "role": "member",
}


def follow_domain_rules(case: Case[Any], own_ids: Mapping[str, Any]) -> None:
    """Change a generated request to follow the domain's rules, with *own_ids* as parameters."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    number = next(_numbers)
    values = (
        _SOUND | {"name": f"App {number}", "email": f"new-{number}@example.com"} | dict(own_ids)
    )
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            part.update({name: value for name, value in values.items() if name in part})
