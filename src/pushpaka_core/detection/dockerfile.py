"""Repositories that bring their own Dockerfile."""

import re

from attrs import evolve

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import first_matching_file
from pushpaka_core.detection.tree import subtree
from pushpaka_core.domain.pipeline.build_plans import (
    BuildPlan,
    Evidence,
    Packaging,
    RejectedCandidate,
    RepositoryDockerfile,
    RepositorySettings,
)
from pushpaka_core.errors import DetectionError

FILES = ("Dockerfile", "Containerfile")

_PORT = re.compile(r"\bPORT\b")
_EXPOSE = re.compile(r"^[ \t]*EXPOSE[ \t]+(?P<port>\d{1,5})\b", re.IGNORECASE | re.MULTILINE)


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """
    Return a plan that builds the repository's Dockerfile, or None if there is no Dockerfile.

    A Dockerfile is rejected if the runtime does not build images, or if static.directory is set. If
    the repository declares workers but no web process, the command of the image is the web process
    only if the Dockerfile exposes or mentions a port.

    Raises:
        DetectionError: If pushpaka.toml configures a Dockerfile that does not exist.
    """
    named = context.dockerfile
    found = first_matching_file(context.tree, FILES) if named is None else named.path
    if found is None:
        return None
    if context.packaging is not Packaging.IMAGE:
        reason = f"{found} exists, but this runtime does not build images"
        return RejectedCandidate(framework="dockerfile", reason=reason)
    if context.site:
        reason = f"{found} exists, but static.directory is set"
        return RejectedCandidate(framework="dockerfile", reason=reason)
    if not subtree(context.repository, context.directory).exists(found):
        raise DetectionError(
            f"pushpaka.toml configures a Dockerfile, but {found} does not exist. Check its path."
        )
    text = context.tree.read(found) or ""
    exposed = _EXPOSE.search(text)
    has_web = not context.has_only_workers or bool(exposed or _PORT.search(text))
    port = int(exposed["port"]) if exposed else None
    evidence = [Evidence(reason="there is a Dockerfile", path=found)]
    evidence += [Evidence(reason=f"the Dockerfile exposes port {port}", path=found)] if port else []
    return BuildPlan(
        framework="dockerfile",
        language="dockerfile",
        directory=context.directory,
        dockerfile=evolve(named or RepositoryDockerfile(), path=found, has_web=has_web),
        settings=RepositorySettings(port=port),
        evidence=tuple(evidence),
    )
