"""What applications are given: env vars, and domains."""

from collections.abc import Mapping

from pushpaka_core.domain.env_vars import EnvScope
from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import Id, call, given, queried
from pushpaka_http.schemas.custom_domains import DomainResponse
from pushpaka_http.schemas.env_vars import EnvVarResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse


class Env(Namespace):
    """Settings and secrets of applications, whose values never come back."""

    def list(self, *, project_id: Id) -> ListResponse[EnvVarResponse]:
        """List the env vars of a project, their values masked."""
        query = queried(project_id=project_id)
        return self._connection.ask(
            call("GET", "/env", query=query), ListResponse[EnvVarResponse]
        )

    def set(
        self, *, project_id: Id, key: str, value: str, scope: EnvScope | str | None = None
    ) -> EnvVarResponse:
        """Set or update an env var; deployments from now on see it."""
        body = given(project_id=project_id, key=key, value=value, scope=scope)
        return self._connection.ask(call("POST", "/env", body=body), EnvVarResponse)

    def set_many(
        self,
        project_id: Id,
        *,
        variables: Mapping[str, str],
        scope: EnvScope | str | None = None,
    ) -> ListResponse[EnvVarResponse]:
        """Set several env vars at once; others are untouched."""
        body = given(variables=variables, scope=scope)
        return self._connection.ask(
            call("PUT", "/projects/{}/env", project_id, body=body), ListResponse[EnvVarResponse]
        )

    def delete(
        self, *, project_id: Id, key: str, scope: EnvScope | str | None = None
    ) -> MessageResponse:
        """Delete an env var, in one scope or in all."""
        body = given(project_id=project_id, key=key, scope=scope)
        return self._connection.ask(call("DELETE", "/env", body=body), MessageResponse)


class Domains(Namespace):
    """Names that owners bring along."""

    def list(self) -> ListResponse[DomainResponse]:
        """List your domains, the newest first."""
        return self._connection.ask(call("GET", "/domains"), ListResponse[DomainResponse])

    def create(self, *, project_id: Id, domain: str) -> DomainResponse:
        """Claim a domain for a project; it is routed once its TXT record proves whose it is."""
        body = given(project_id=project_id, domain=domain)
        return self._connection.ask(call("POST", "/domains", body=body), DomainResponse)

    def verify(self, domain_id: Id) -> DomainResponse:
        """Look the TXT record up now; `status` and `reason` tell what was found."""
        return self._connection.ask(
            call("POST", "/domains/{}/verify", domain_id), DomainResponse
        )

    def delete(self, domain_id: Id) -> MessageResponse:
        """Give a domain up."""
        return self._connection.ask(call("DELETE", "/domains/{}", domain_id), MessageResponse)
