"""Methods for environment variables and custom domains."""

from collections.abc import Mapping

from pushpaka_core.domain.projects.env_vars import EnvScope
from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import Id, call, json_body, query_params
from pushpaka_http.schemas.custom_domains import DomainResponse
from pushpaka_http.schemas.env_vars import EnvVarResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse


class Env(Namespace):
    """Environment variables of projects, whose values are never returned."""

    def list(self, *, project_id: Id) -> ListResponse[EnvVarResponse]:
        """List the environment variables of a project, with masked values."""
        query = query_params(project_id=project_id)
        return self._connection.request(
            call("GET", "/env", query=query), ListResponse[EnvVarResponse]
        )

    def set(
        self, *, project_id: Id, key: str, value: str, scope: EnvScope | str | None = None
    ) -> EnvVarResponse:
        """Set an environment variable. It takes effect with the next deployment."""
        body = json_body(project_id=project_id, key=key, value=value, scope=scope)
        return self._connection.request(call("POST", "/env", body=body), EnvVarResponse)

    def set_many(
        self,
        project_id: Id,
        *,
        variables: Mapping[str, str],
        scope: EnvScope | str | None = None,
    ) -> ListResponse[EnvVarResponse]:
        """Set several environment variables together. Other variables stay unchanged."""
        body = json_body(variables=variables, scope=scope)
        return self._connection.request(
            call("PUT", "/projects/{}/env", project_id, body=body), ListResponse[EnvVarResponse]
        )

    def delete(
        self, *, project_id: Id, key: str, scope: EnvScope | str | None = None
    ) -> MessageResponse:
        """Delete an environment variable in *scope*, or in all scopes if *scope* is None."""
        body = json_body(project_id=project_id, key=key, scope=scope)
        return self._connection.request(call("DELETE", "/env", body=body), MessageResponse)

    def unset(
        self, project_id: Id, key: str, *, scope: EnvScope | str | None = None
    ) -> MessageResponse:
        """Delete an environment variable as `delete` does, but with a request without a body."""
        query = query_params(scope=scope)
        return self._connection.request(
            call("DELETE", "/projects/{}/env/{}", project_id, key, query=query), MessageResponse
        )


class Domains(Namespace):
    """Custom domains."""

    def list(self) -> ListResponse[DomainResponse]:
        """List your domains, newest first."""
        return self._connection.request(call("GET", "/domains"), ListResponse[DomainResponse])

    def create(self, *, project_id: Id, domain: str) -> DomainResponse:
        """
        Add a domain to a project. The domain is routed once its TXT record proves that you own
        it.
        """
        body = json_body(project_id=project_id, domain=domain)
        return self._connection.request(call("POST", "/domains", body=body), DomainResponse)

    def verify(self, domain_id: Id) -> DomainResponse:
        """Check the TXT record now. The domain's `status` and `reason` contain the result."""
        return self._connection.request(
            call("POST", "/domains/{}/verify", domain_id), DomainResponse
        )

    def delete(self, domain_id: Id) -> MessageResponse:
        """Remove a domain."""
        return self._connection.request(
            call("DELETE", "/domains/{}", domain_id), MessageResponse
        )
