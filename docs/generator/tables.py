"""Lists and tables that are generated from small parts of the code."""

import tomllib
from pathlib import Path
from typing import Any

from docs.generator.markdown import code, prose, table
from prometheus_client.parser import text_string_to_metric_families

from pushpaka_core.domain.deployments.state_machine import (
    PHASES,
    SERVING,
    TRANSITIONS,
    DeploymentStatus,
)
from pushpaka_http.cli.entry import GROUPS, module_of
from pushpaka_http.metrics import Metrics

_PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def layers(package: str) -> str:
    """Return the layers of *package*, the outermost first."""
    (contract,) = [each for each in _contracts() if each.get("containers") == [package]]
    rows = "\n".join(" ".join(layer.split()) for layer in contract["layers"])
    return f"```text\n{rows}\n```"


def rules(_words: str = "") -> str:
    """Return the names of the import contracts."""
    return "\n".join(f"- {contract['name']}." for contract in _contracts())


def commands(group: str) -> str:
    """Return the commands of a group of the command line, with their options."""
    blocks = (
        f".. click:: {module_of(name)}:command\n   :prog: pushpaka {name}\n   :nested: full\n"
        for name in GROUPS[group]
    )
    return "\n".join(["```{eval-rst}", *blocks, "```"])


def states(_words: str = "") -> str:
    """Return the statuses of a deployment with their transitions."""
    rows = [
        [
            code(status),
            ", ".join(code(phase) for phase, step in PHASES.items() if step.status is status),
            "yes" if status in SERVING else "",
            ", ".join(code(each) for each in DeploymentStatus if each in TRANSITIONS[status]),
        ]
        for status in DeploymentStatus
    ]
    return table(["Status", "Phases", "Routed", "Next"], rows)


def metrics(_words: str = "") -> str:
    """Return a row for each metric of an instance."""
    exposition = Metrics().render({}, [], {}, [], {}).decode()
    families = sorted(text_string_to_metric_families(exposition), key=lambda family: family.name)
    endings = {"counter": "_total"}
    rows = [
        [code(each.name + endings.get(each.type, "")), each.type, prose(each.documentation)]
        for each in families
    ]
    return table(["Name", "Type", "Meaning"], rows)


def _contracts() -> list[dict[str, Any]]:
    tools = tomllib.loads(_PYPROJECT.read_text())["tool"]
    contracts: list[dict[str, Any]] = tools["importlinter"]["contracts"]
    return contracts
