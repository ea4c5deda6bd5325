"""How env vars look, and the body that sets many of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from attrs import field, frozen

from pushpaka_core.domain.env_vars import MASK, EnvScope, EnvVar, EnvVarId, NewEnvVar
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.rules import problems_in
from pushpaka_core.errors import InvalidInputError


def _check_variables(_: Any, __: Any, variables: Mapping[str, str]) -> None:
    problems = {
        f"variables.{key}": text
        for key, value in variables.items()
        for text in problems_in(NewEnvVar, {"key": key, "value": value}).values()
    }
    if not variables:
        problems = {"variables": "must name at least one"}
    if problems:
        raise InvalidInputError(problems)


@frozen(kw_only=True, slots=False)
class NewEnvVars:
    """Env vars to set at once, by their keys; what is wrong with any of them is told at once."""

    variables: Mapping[str, str] = field(validator=_check_variables, repr=False)
    scope: EnvScope = EnvScope.ALL

    def of_project(self, project_id: ProjectId) -> list[NewEnvVar]:
        """Return them one by one."""
        return [
            NewEnvVar(project_id=project_id, key=key, value=value, scope=self.scope)
            for key, value in self.variables.items()
        ]


@frozen(kw_only=True, slots=False)
class EnvVarResponse:
    """An env var, whose value nobody gets back: neither it nor its length."""

    id: EnvVarId
    project_id: ProjectId
    key: str
    scope: EnvScope
    value: str
    has_value: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, env_var: EnvVar) -> Self:
        """Show *env_var* without its value."""
        return cls(
            id=env_var.id,
            project_id=env_var.project_id,
            key=env_var.key,
            scope=env_var.scope,
            value=MASK,
            has_value=True,
            created_at=env_var.created_at,
            updated_at=env_var.updated_at,
        )
