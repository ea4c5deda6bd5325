"""Async views that deploy a repository, and show its status and log."""

import json
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from engine import engine
from pushpaka_core import NewDeployment, NewProject
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.errors import InvalidInputError, NotFoundError


@csrf_exempt  # called by programs, which send no cookies
@require_POST
async def deploy(request: HttpRequest) -> JsonResponse:
    """Deploy a repository under a new name."""
    wanted = json.loads(request.body)
    try:
        new = NewProject(name=wanted["name"], repo_url=wanted["repo_url"])
        project = await engine.pushpaka.projects.create(engine.me, new)
    except InvalidInputError as error:
        return JsonResponse(error.problems, status=422)
    wanted = NewDeployment(project_id=project.project.id)
    deployment = await engine.pushpaka.deployments.deploy(engine.me, wanted)
    return JsonResponse({"id": deployment.id, "url": project.url}, status=201)


@require_GET
async def show(request: HttpRequest, id: UUID) -> JsonResponse:  # noqa: ARG001
    """Show the status of a deployment."""
    deployment = await _deployment(id)
    return JsonResponse({"status": deployment.status, "error": deployment.error})


@require_GET
async def show_log(request: HttpRequest, id: UUID) -> HttpResponse:  # noqa: ARG001
    """Show the log up to now."""
    deployment = await _deployment(id)
    lines = await engine.pushpaka.logs.lines(engine.me, deployment.id, LogFilter())
    text = "".join(f"{line.phase} | {line.message}\n" for line in lines)
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


async def _deployment(id: UUID) -> Deployment:
    try:
        return await engine.pushpaka.deployments.get(engine.me, DeploymentId(id))
    except NotFoundError as error:
        raise Http404(str(error)) from error
