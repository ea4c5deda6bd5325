"""Repositories that say themselves, in a Dockerfile, how their image is made."""

import re

from attrs import evolve

from pushpaka_core.detection.documents import first_match
from pushpaka_core.detection.tree import below
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import (
    BuildPlan,
    Evidence,
    OwnDockerfile,
    Packaging,
    Rejected,
    RepositorySettings,
)
from pushpaka_core.errors import DetectionError

FILES = ("Dockerfile", "Containerfile")

_EXPOSE = re.compile(r"^[ \t]*EXPOSE[ \t]+(?P<port>\d{1,5})\b", re.IGNORECASE | re.MULTILINE)


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """
    Take the Dockerfile where images are built.

    Raises:
        DetectionError: If the repository says of one what to do with it, and has none.
    """
    named = question.dockerfile
    found = first_match(question.tree, FILES) if named is None else named.path
    if found is None:
        return None
    if question.packaging is not Packaging.IMAGE:
        reason = f"there is a {found}, but this runtime builds without one"
        return Rejected(framework="dockerfile", reason=reason)
    if question.site:
        reason = f"there is a {found}, but files to serve are named instead"
        return Rejected(framework="dockerfile", reason=reason)
    if not below(question.repository, question.directory).exists(found):
        raise DetectionError(
            f"pushpaka.toml says how a Dockerfile is built, but there is no {found}."
            " Check its spelling."
        )
    exposed = _EXPOSE.search(question.tree.read(found) or "")
    port = int(exposed["port"]) if exposed else None
    evidence = [Evidence(reason="there is a Dockerfile", path=found)]
    evidence += [Evidence(reason=f"it exposes port {port}", path=found)] if port else []
    return BuildPlan(
        framework="dockerfile",
        language="dockerfile",
        directory=question.directory,
        dockerfile=evolve(named or OwnDockerfile(), path=found),
        settings=RepositorySettings(port=port),
        evidence=tuple(evidence),
    )
