"""Repositories that are deployed, and what opens them."""

from pushpaka_core.domain.rules import UNCHANGED, Unchanged
from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call, changed, given, keyed
from pushpaka_http.client.choices import project_named
from pushpaka_http.schemas.deploy_keys import DeployKeyResponse
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.members import MemberResponse
from pushpaka_http.schemas.plans import PlanResponse
from pushpaka_http.schemas.projects import ProjectResponse


class AsyncProjects(AsyncNamespace):
    """Repositories that are deployed."""

    async def list(self) -> ListResponse[ProjectResponse]:
        """List your projects, the newest first."""
        return await self._connection.ask(call("GET", "/projects"), ListResponse[ProjectResponse])

    async def find(self, name: str) -> ProjectResponse | None:
        """Return your project of this slug, else of this name; None where there is none."""
        return project_named(name, (await self.list()).data)

    async def create(
        self,
        *,
        name: str,
        repo_url: str,
        branch: str | None = None,
        root_dir: str | None = None,
        install_command: str | None = None,
        build_command: str | None = None,
        start_command: str | None = None,
        port: int | None = None,
        framework: str | None = None,
        health_check_path: str | None = None,
        health_check_timeout: int | None = None,
        replicas: int | None = None,
        cpu_limit: float | None = None,
        memory_limit: int | None = None,
        auto_deploy: bool | None = None,
        git_token: str | None = None,
    ) -> ProjectResponse:
        """Create a project."""
        body = given(
            name=name,
            repo_url=repo_url,
            branch=branch,
            root_dir=root_dir,
            install_command=install_command,
            build_command=build_command,
            start_command=start_command,
            port=port,
            framework=framework,
            health_check_path=health_check_path,
            health_check_timeout=health_check_timeout,
            replicas=replicas,
            cpu_limit=cpu_limit,
            memory_limit=memory_limit,
            auto_deploy=auto_deploy,
            git_token=git_token,
        )
        return await self._connection.ask(call("POST", "/projects", body=body), ProjectResponse)

    async def get(self, project_id: Id) -> ProjectResponse:
        """Show a project."""
        return await self._connection.ask(call("GET", "/projects/{}", project_id), ProjectResponse)

    async def update(
        self,
        project_id: Id,
        *,
        name: str | Unchanged = UNCHANGED,
        repo_url: str | Unchanged = UNCHANGED,
        branch: str | Unchanged = UNCHANGED,
        root_dir: str | Unchanged | None = UNCHANGED,
        install_command: str | Unchanged | None = UNCHANGED,
        build_command: str | Unchanged | None = UNCHANGED,
        start_command: str | Unchanged | None = UNCHANGED,
        port: int | Unchanged | None = UNCHANGED,
        framework: str | Unchanged | None = UNCHANGED,
        health_check_path: str | Unchanged | None = UNCHANGED,
        health_check_timeout: int | Unchanged | None = UNCHANGED,
        replicas: int | Unchanged | None = UNCHANGED,
        cpu_limit: float | Unchanged | None = UNCHANGED,
        memory_limit: int | Unchanged | None = UNCHANGED,
        auto_deploy: bool | Unchanged = UNCHANGED,
        git_token: str | Unchanged | None = UNCHANGED,
    ) -> ProjectResponse:
        """Change settings of a project; None takes one back, and what is left out is untouched."""
        body = changed(
            name=name,
            repo_url=repo_url,
            branch=branch,
            root_dir=root_dir,
            install_command=install_command,
            build_command=build_command,
            start_command=start_command,
            port=port,
            framework=framework,
            health_check_path=health_check_path,
            health_check_timeout=health_check_timeout,
            replicas=replicas,
            cpu_limit=cpu_limit,
            memory_limit=memory_limit,
            auto_deploy=auto_deploy,
            git_token=git_token,
        )
        return await self._connection.ask(
            call("PATCH", "/projects/{}", project_id, body=body), ProjectResponse
        )

    async def delete(self, project_id: Id) -> MessageResponse:
        """Delete a project with all its deployments."""
        return await self._connection.ask(
            call("DELETE", "/projects/{}", project_id), MessageResponse
        )

    async def plan(
        self,
        project_id: Id,
        *,
        branch: str | None = None,
        commit_sha: str | None = None,
        root_dir: str | None = None,
        target: str | None = None,
    ) -> PlanResponse:
        """Say what a deployment would do and why, without one."""
        body = given(branch=branch, commit_sha=commit_sha, root_dir=root_dir, target=target)
        return await self._connection.ask(
            call("POST", "/projects/{}/plan", project_id, body=body), PlanResponse
        )

    async def start(
        self, project_id: Id, *, idempotency_key: str | None = None
    ) -> DeploymentResponse:
        """Serve again what production served until it was stopped, by a new deployment."""
        headers = keyed(idempotency_key)
        return await self._connection.ask(
            call("POST", "/projects/{}/start", project_id, headers=headers), DeploymentResponse
        )

    async def transfer(self, project_id: Id, *, owner_id: Id) -> MemberResponse:
        """Make a member the owner, and stay as a member; the git token is forgotten."""
        body = given(owner_id=owner_id)
        return await self._connection.ask(
            call("POST", "/projects/{}/transfer", project_id, body=body), MemberResponse
        )


class AsyncDeployKeys(AsyncNamespace):
    """What opens a project's repository over ssh."""

    async def create(self, project_id: Id) -> DeployKeyResponse:
        """Make an ssh key for a project, in place of the one that it has."""
        return await self._connection.ask(
            call("POST", "/projects/{}/deploy-key", project_id), DeployKeyResponse
        )

    async def get(self, project_id: Id) -> DeployKeyResponse:
        """Show the public half of a project's ssh key."""
        return await self._connection.ask(
            call("GET", "/projects/{}/deploy-key", project_id), DeployKeyResponse
        )

    async def delete(self, project_id: Id) -> MessageResponse:
        """Take the ssh key of a project away."""
        return await self._connection.ask(
            call("DELETE", "/projects/{}/deploy-key", project_id), MessageResponse
        )
