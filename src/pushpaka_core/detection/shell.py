"""What needs no language of ours: somebody else's command, or a start.sh."""

from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Origin, Rejected, Step

SCRIPT = "start.sh"


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Take the command that was given, or start.sh."""
    if question.has_web:
        return BuildPlan(
            framework=question.framework or "shell",
            language="shell",
            evidence=(Evidence(reason="the start command is given, and a shell runs it as it is"),),
        )
    if not question.tree.exists(SCRIPT):
        return None
    return BuildPlan(
        framework="shell",
        language="shell",
        processes={"web": Step(command=f"bash {SCRIPT}", origin=Origin.DETECTED)},
        evidence=(Evidence(reason="there is a start.sh", path=SCRIPT),),
    )
