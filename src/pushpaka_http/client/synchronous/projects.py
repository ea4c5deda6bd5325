"""Methods for projects and deploy keys."""

from typing import Unpack

from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import Id, call, idempotency_headers, json_body
from pushpaka_http.client.lookups import project_named
from pushpaka_http.client.project_settings import NewProjectSettings, ProjectChanges
from pushpaka_http.schemas.deploy_keys import DeployKeyResponse
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.members import MemberResponse
from pushpaka_http.schemas.plans import PlanResponse
from pushpaka_http.schemas.projects import ProjectResponse


class Projects(Namespace):
    """Projects."""

    def list(self) -> ListResponse[ProjectResponse]:
        """List your projects, newest first."""
        return self._connection.request(
            call("GET", "/projects"), ListResponse[ProjectResponse]
        )

    def find(self, name: str) -> ProjectResponse | None:
        """Return your project with the slug *name*, else the one with the name *name*, or None."""
        return project_named(name, (self.list()).data)

    def create(
        self, *, name: str, repo_url: str, **settings: Unpack[NewProjectSettings]
    ) -> ProjectResponse:
        """Create a project. Settings that are omitted or None get their defaults."""
        body = json_body(name=name, repo_url=repo_url, **settings)
        return self._connection.request(call("POST", "/projects", body=body), ProjectResponse)

    def get(self, project_id: Id) -> ProjectResponse:
        """Return a project."""
        return self._connection.request(
            call("GET", "/projects/{}", project_id), ProjectResponse
        )

    def update(self, project_id: Id, **changes: Unpack[ProjectChanges]) -> ProjectResponse:
        """Change settings of a project. None resets a setting; omitted settings stay unchanged."""
        return self._connection.request(
            call("PATCH", "/projects/{}", project_id, body=changes), ProjectResponse
        )

    def delete(self, project_id: Id) -> MessageResponse:
        """Delete a project and all of its deployments."""
        return self._connection.request(
            call("DELETE", "/projects/{}", project_id), MessageResponse
        )

    def plan(
        self,
        project_id: Id,
        *,
        branch: str | None = None,
        commit_sha: str | None = None,
        root_dir: str | None = None,
        target: str | None = None,
    ) -> PlanResponse:
        """
        Return the plan of a deployment without deploying.

        Args:
            project_id: The project.
            branch: The branch; defaults to the project's branch.
            commit_sha: The commit; defaults to the newest one of the branch.
            root_dir: The directory in the repository; defaults to the project's directory.
            target: The target, such as a preview; defaults to production.
        """
        body = json_body(branch=branch, commit_sha=commit_sha, root_dir=root_dir, target=target)
        return self._connection.request(
            call("POST", "/projects/{}/plan", project_id, body=body), PlanResponse
        )

    def start(
        self, project_id: Id, *, idempotency_key: str | None = None
    ) -> DeploymentResponse:
        """Start a stopped project: queue a deployment of its last production release."""
        headers = idempotency_headers(idempotency_key)
        return self._connection.request(
            call("POST", "/projects/{}/start", project_id, headers=headers), DeploymentResponse
        )

    def transfer(self, project_id: Id, *, owner_id: Id) -> MemberResponse:
        """Make a member the owner. You remain a member, and the Git token is deleted."""
        body = json_body(owner_id=owner_id)
        return self._connection.request(
            call("POST", "/projects/{}/transfer", project_id, body=body), MemberResponse
        )


class DeployKeys(Namespace):
    """Deploy keys, which give access to repositories over SSH."""

    def create(self, project_id: Id) -> DeployKeyResponse:
        """Create the deploy key of a project, replacing an existing one."""
        return self._connection.request(
            call("POST", "/projects/{}/deploy-key", project_id), DeployKeyResponse
        )

    def get(self, project_id: Id) -> DeployKeyResponse:
        """Return the public key of a project's deploy key."""
        return self._connection.request(
            call("GET", "/projects/{}/deploy-key", project_id), DeployKeyResponse
        )

    def delete(self, project_id: Id) -> MessageResponse:
        """Delete the deploy key of a project."""
        return self._connection.request(
            call("DELETE", "/projects/{}/deploy-key", project_id), MessageResponse
        )
