"""What tests let go wrong, and where."""

from enum import StrEnum

from attrs import frozen

from pushpaka_core.domain.deployment_steps import Phase

ACCEPTED, REPLYING = "accepted", "replying"
STEPS_OF_REQUESTS = (ACCEPTED, REPLYING)
"""
The failpoints of an API that is asked for a deployment.

`accepted` lies between the commit and the hint, `replying` between the hint and the answer.
"""
CLAIM, PROBE, COMMIT, SWITCHED = "claim", "probe", "commit", "switched"
STEPS_THAT_FAIL = (
    CLAIM,
    *(Phase.SOURCE, Phase.BUILD, Phase.RELEASE, Phase.START),
    PROBE,
    Phase.SWITCH,
    COMMIT,
    SWITCHED,
)
"""
The failpoints in the order in which a deployment reaches them.

One that bears the name of a phase lies at the phase's beginning; `probe` lies where
an instance runs and nobody has asked it anything yet, `commit` right after the
commit point, `switched` where requests go to the deployment.
"""


class Effect(StrEnum):
    """What happens at a failpoint."""

    KILL = "kill"
    """The process ends as by SIGKILL."""
    RAISE = "raise"
    """An error is raised that nobody expects."""
    HANG = "hang"
    """Nothing goes on until it is cancelled."""


@frozen(kw_only=True)
class Failpoint:
    """One thing that goes wrong whenever a deployment reaches a step."""

    step: str
    effect: Effect
