"""Response bodies for environment variables, and the request body that sets several."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from attrs import field, frozen

from pushpaka_core.domain.ids import EnvVarId, ProjectId
from pushpaka_core.domain.projects.env_vars import MASK, EnvScope, EnvVar, NewEnvVar
from pushpaka_core.domain.validation import validation_errors
from pushpaka_core.errors import InvalidInputError
from pushpaka_http.schemas.conversions import from_attributes


def _check_variables(_: Any, __: Any, variables: Mapping[str, str]) -> None:
    problems = {
        f"variables.{key}": text
        for key, value in variables.items()
        for text in validation_errors(NewEnvVar, {"key": key, "value": value}).values()
    }
    if not variables:
        problems = {"variables": "must have at least one variable"}
    if problems:
        raise InvalidInputError(problems)


@frozen(kw_only=True, slots=False)
class NewEnvVars:
    """
    Environment variables to set together, by key.

    Raises:
        InvalidInputError: If there are no variables, or a variable is invalid. The error lists all
            problems.
    """

    variables: Mapping[str, str] = field(validator=_check_variables, repr=False)
    """Values by key, at least one. A key has at most 128 letters, digits and underscores."""
    scope: EnvScope = EnvScope.ALL
    """Deployments that the variables apply to."""

    def for_project(self, project_id: ProjectId) -> list[NewEnvVar]:
        """Return the variables as input objects for the project."""
        return [
            NewEnvVar(project_id=project_id, key=key, value=value, scope=self.scope)
            for key, value in self.variables.items()
        ]


@frozen(kw_only=True, slots=False)
class EnvVarResponse:
    """An environment variable. Its value is masked, so that not even its length is revealed."""

    id: EnvVarId
    """Id of the variable."""
    project_id: ProjectId
    """Id of the project."""
    key: str
    """Name of the variable."""
    scope: EnvScope
    """Deployments that the variable applies to."""
    value: str
    """Always "********": values are never returned."""
    has_value: bool
    """Always true, even for an empty value."""
    created_at: datetime
    """When the variable was first set."""
    updated_at: datetime
    """When the variable was last set."""

    @classmethod
    def of(cls, env_var: EnvVar) -> Self:
        """Return the response for *env_var*, with a masked value."""
        return from_attributes(cls, env_var, value=MASK, has_value=True)
