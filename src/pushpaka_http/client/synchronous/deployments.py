"""Methods for deployments."""

from time import monotonic

import time

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import Call, Id, call, idempotency_headers, json_body, query_params
from pushpaka_http.client.errors import DeploymentTimeoutError
from pushpaka_http.client.lookups import MAX_PAGE_SIZE, Paging, is_running_or_final
from pushpaka_http.client.streams import Stream
from pushpaka_http.schemas.deployments import (
    DeploymentResponse,
    RollbackWindowResponse,
    TimelineEventResponse,
)
from pushpaka_http.schemas.lists import ListResponse, PageResponse

_LONG_POLL_SECONDS = 20
"""Maximum duration of a long-polling request in seconds, below the usual timeouts of proxies."""
_WINDOW_POLL_SECONDS = 1.0
"""Interval in seconds at which an open rollback window is polled."""


class Deployments(Namespace):
    """
    Deployments.

    Methods that create a deployment send an Idempotency-Key, by default a new random one, so that
    retries do not create more than one.
    """

    def create(
        self,
        *,
        project_id: Id,
        branch: str | None = None,
        commit_sha: str | None = None,
        target: str | None = None,
        archive: str | None = None,
        image: str | None = None,
        idempotency_key: str | None = None,
    ) -> DeploymentResponse:
        """
        Queue a deployment of a commit, an archive or an image.

        Args:
            project_id: The project to deploy.
            branch: The branch; defaults to the project's branch.
            commit_sha: The commit; defaults to the newest one of the branch.
            target: The target, such as a preview; defaults to production.
            archive: The SHA-256 of an uploaded archive to deploy in place of a commit.
            image: Another tag of the project's image, such as "ghcr.io/acme/shop:1.5".
            idempotency_key: Calls with the same key within 24 hours return the same deployment.
        """
        body = json_body(
            project_id=project_id,
            branch=branch,
            commit_sha=commit_sha,
            target=target,
            archive=archive,
            image=image,
        )
        headers = idempotency_headers(idempotency_key)
        return self._request(call("POST", "/deployments", body=body, headers=headers))

    def list(
        self,
        *,
        project_id: Id | None = None,
        status: DeploymentStatus | str | None = None,
        target: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> PageResponse[DeploymentResponse]:
        """List your deployments, newest first."""
        query = query_params(
            project_id=project_id, status=status, target=target, limit=limit, offset=offset
        )
        return self._connection.request(
            call("GET", "/deployments", query=query), PageResponse[DeploymentResponse]
        )

    def all(
        self,
        *,
        project_id: Id | None = None,
        status: DeploymentStatus | str | None = None,
        target: str | None = None,
    ) -> Stream[DeploymentResponse]:
        """Yield your deployments, newest first, page by page."""
        paging = Paging()
        while not paging.is_complete:
            page = self.list(
                project_id=project_id,
                status=status,
                target=target,
                limit=MAX_PAGE_SIZE,
                offset=paging.offset,
            )
            for deployment in paging.next_items(page):
                yield deployment

    def get(self, deployment_id: Id, *, wait: int | None = None) -> DeploymentResponse:
        """
        Return a deployment.

        Args:
            deployment_id: The deployment.
            wait: Seconds to wait for the deployment to be running or final, at most 300.
        """
        query = query_params(wait=wait)
        return self._request(
            call("GET", "/deployments/{}", deployment_id, query=query, wait_seconds=wait or 0)
        )

    def wait(self, deployment_id: Id, *, seconds: float | None = None) -> DeploymentResponse:
        """
        Wait until a deployment is running or final, and return it.

        A status that this client does not know, from a newer server, ends the wait as well.

        Args:
            deployment_id: The deployment.
            seconds: Maximum time to wait; None waits without limit.

        Raises:
            DeploymentTimeoutError: If *seconds* have passed. The deployment continues.
        """
        began = monotonic()
        while True:
            left = _LONG_POLL_SECONDS if seconds is None else began + seconds - monotonic()
            wait = min(_LONG_POLL_SECONDS, max(0, round(left)))
            deployment = self.get(deployment_id, wait=wait)
            if is_running_or_final(deployment):
                return deployment
            if seconds is not None and left <= wait:
                raise DeploymentTimeoutError(seconds, deployment.status)

    def wait_stable(
        self, deployment_id: Id, *, seconds: float | None = None
    ) -> DeploymentResponse:
        """
        Wait until the rollback window of a deployment is closed, and return the deployment.

        If it was rolled back automatically, its `status` is "failed", its `phase` is "run", and its
        `error` contains the reason.

        Args:
            deployment_id: The deployment.
            seconds: Maximum time to wait; None waits without limit.

        Raises:
            DeploymentTimeoutError: If *seconds* have passed. The deployment continues.
        """
        began = monotonic()
        deployment = self.wait(deployment_id, seconds=seconds)
        while (window := self.rollback_window(deployment_id)).is_open:
            pause = min(_WINDOW_POLL_SECONDS, window.seconds_left)
            if seconds is not None and monotonic() - began + pause > seconds:
                raise DeploymentTimeoutError(seconds, deployment.status)
            time.sleep(pause)
        return self.get(deployment_id)

    def rollback(
        self, deployment_id: Id, *, idempotency_key: str | None = None
    ) -> DeploymentResponse:
        """Queue a rollback to this deployment: a new deployment of its release, without a build."""
        headers = idempotency_headers(idempotency_key)
        return self._request(
            call("POST", "/deployments/{}/rollback", deployment_id, headers=headers)
        )

    def redeploy(
        self, deployment_id: Id, *, idempotency_key: str | None = None
    ) -> DeploymentResponse:
        """Queue a new deployment of the same build with the current environment variables."""
        headers = idempotency_headers(idempotency_key)
        return self._request(
            call("POST", "/deployments/{}/redeploy", deployment_id, headers=headers)
        )

    def promote(
        self, deployment_id: Id, *, idempotency_key: str | None = None
    ) -> DeploymentResponse:
        """Queue a production deployment of a preview's build, with the production variables."""
        headers = idempotency_headers(idempotency_key)
        return self._request(
            call("POST", "/deployments/{}/promote", deployment_id, headers=headers)
        )

    def restart(self, deployment_id: Id) -> DeploymentResponse:
        """Replace the instances of a running deployment with new ones, without downtime."""
        return self._request(call("POST", "/deployments/{}/restart", deployment_id))

    def stop(self, deployment_id: Id) -> DeploymentResponse:
        """Stop a running deployment until its project is started or deployed again."""
        return self._request(call("POST", "/deployments/{}/stop", deployment_id))

    def cancel(self, deployment_id: Id) -> DeploymentResponse:
        """Cancel a deployment that is not running yet."""
        return self._request(call("POST", "/deployments/{}/cancel", deployment_id))

    def events(self, deployment_id: Id) -> ListResponse[TimelineEventResponse]:
        """List the status and phase changes of a deployment, in order."""
        return self._connection.request(
            call("GET", "/deployments/{}/events", deployment_id),
            ListResponse[TimelineEventResponse],
        )

    def rollback_window(self, deployment_id: Id) -> RollbackWindowResponse:
        """
        Return the rollback window, which shows whether a failure now would roll the deployment
        back.
        """
        return self._connection.request(
            call("GET", "/deployments/{}/rollback-window", deployment_id), RollbackWindowResponse
        )

    def _request(self, call: Call) -> DeploymentResponse:
        return self._connection.request(call, DeploymentResponse)
