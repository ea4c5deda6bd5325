"""Attempts to turn a commit into something that runs."""

import time

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Call, Id, call, given, keyed, queried
from pushpaka_http.client.choices import PAGE, Paging, is_settled
from pushpaka_http.client.errors import NotSettledError
from pushpaka_http.client.streams import AsyncStream
from pushpaka_http.schemas.deployments import DeploymentResponse, TimelineEventResponse
from pushpaka_http.schemas.lists import ListResponse, PageResponse

_POLL = 20
"""Seconds that an instance is asked to wait at once, so that proxies do not give up on it."""


class AsyncDeployments(AsyncNamespace):
    """
    Attempts to turn a commit into something that runs.

    Those that make a deployment carry an Idempotency-Key, a new one where none is given: so
    they make one, however often they are sent.
    """

    async def create(
        self,
        *,
        project_id: Id,
        branch: str | None = None,
        commit_sha: str | None = None,
        target: str | None = None,
        archive: str | None = None,
        idempotency_key: str | None = None,
    ) -> DeploymentResponse:
        """Deploy a commit or an archive of a project; the deployment is queued at once."""
        body = given(
            project_id=project_id,
            branch=branch,
            commit_sha=commit_sha,
            target=target,
            archive=archive,
        )
        headers = keyed(idempotency_key)
        return await self._one(call("POST", "/deployments", body=body, headers=headers))

    async def list(
        self,
        *,
        project_id: Id | None = None,
        status: DeploymentStatus | str | None = None,
        target: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> PageResponse[DeploymentResponse]:
        """List your deployments, the newest first."""
        query = queried(
            project_id=project_id, status=status, target=target, limit=limit, offset=offset
        )
        return await self._connection.ask(
            call("GET", "/deployments", query=query), PageResponse[DeploymentResponse]
        )

    async def all(
        self,
        *,
        project_id: Id | None = None,
        status: DeploymentStatus | str | None = None,
        target: str | None = None,
    ) -> AsyncStream[DeploymentResponse]:
        """Yield your deployments, the newest first, page by page."""
        paging = Paging()
        while not paging.is_over:
            page = await self.list(
                project_id=project_id,
                status=status,
                target=target,
                limit=PAGE,
                offset=paging.offset,
            )
            for deployment in paging.new_on(page):
                yield deployment

    async def get(self, deployment_id: Id, *, wait: int | None = None) -> DeploymentResponse:
        """Show a deployment, at once or when it runs or is over, but within *wait* seconds."""
        query = queried(wait=wait)
        return await self._one(
            call("GET", "/deployments/{}", deployment_id, query=query, seconds=wait or 0)
        )

    async def wait(self, deployment_id: Id, *, seconds: float | None = None) -> DeploymentResponse:
        """
        Return a deployment once it runs or is over; its `status` tells which.

        A status that a newer instance has and this client does not know counts as one of them.

        Raises:
            NotSettledError: If that takes longer than *seconds*; it goes on all the same.
        """
        began = time.monotonic()
        while True:
            left = _POLL if seconds is None else began + seconds - time.monotonic()
            wait = min(_POLL, max(0, round(left)))
            deployment = await self.get(deployment_id, wait=wait)
            if is_settled(deployment):
                return deployment
            if seconds is not None and left <= wait:
                raise NotSettledError(seconds, deployment.status)

    async def rollback(
        self, deployment_id: Id, *, idempotency_key: str | None = None
    ) -> DeploymentResponse:
        """Serve again what this deployment served, by a new deployment without a build."""
        headers = keyed(idempotency_key)
        return await self._one(
            call("POST", "/deployments/{}/rollback", deployment_id, headers=headers)
        )

    async def redeploy(
        self, deployment_id: Id, *, idempotency_key: str | None = None
    ) -> DeploymentResponse:
        """Serve what this deployment serves with today's env vars, without a build."""
        headers = keyed(idempotency_key)
        return await self._one(
            call("POST", "/deployments/{}/redeploy", deployment_id, headers=headers)
        )

    async def promote(
        self, deployment_id: Id, *, idempotency_key: str | None = None
    ) -> DeploymentResponse:
        """Serve what this preview serves as production, with production's env vars."""
        headers = keyed(idempotency_key)
        return await self._one(
            call("POST", "/deployments/{}/promote", deployment_id, headers=headers)
        )

    async def restart(self, deployment_id: Id) -> DeploymentResponse:
        """Replace the instances of a running deployment by new ones, without a gap."""
        return await self._one(call("POST", "/deployments/{}/restart", deployment_id))

    async def stop(self, deployment_id: Id) -> DeploymentResponse:
        """Stop a running deployment, until its project is started or deployed."""
        return await self._one(call("POST", "/deployments/{}/stop", deployment_id))

    async def cancel(self, deployment_id: Id) -> DeploymentResponse:
        """Cancel a deployment that does not run yet."""
        return await self._one(call("POST", "/deployments/{}/cancel", deployment_id))

    async def events(self, deployment_id: Id) -> ListResponse[TimelineEventResponse]:
        """List the steps of a deployment: when, for how long, why and by whom."""
        return await self._connection.ask(
            call("GET", "/deployments/{}/events", deployment_id),
            ListResponse[TimelineEventResponse],
        )

    async def _one(self, asked: Call) -> DeploymentResponse:
        return await self._connection.ask(asked, DeploymentResponse)
