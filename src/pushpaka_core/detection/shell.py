"""Applications without a known language: a given start command, or a start.sh."""

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.steps import detected_step
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate

SCRIPT = "start.sh"


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """Return a plan for the given start command or for start.sh, or None if there is neither."""
    if context.has_web_command:
        return BuildPlan(
            framework=context.framework or "shell",
            language="shell",
            evidence=(Evidence(reason="a shell runs the configured commands"),),
        )
    if context.has_only_workers or not context.tree.exists(SCRIPT):
        return None
    return BuildPlan(
        framework="shell",
        language="shell",
        processes={"web": detected_step(f"bash {SCRIPT}")},
        evidence=(Evidence(reason="there is a start.sh", path=SCRIPT),),
    )
