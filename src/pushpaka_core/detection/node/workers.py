"""Rules for bots and queue consumers: programs that work without listening on a port."""

from attrs import evolve

from pushpaka_core.detection.node.programs import main_file, may_listen, run_program_file
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.rule_results import Program, RuleResult, run_script, server_script
from pushpaka_core.domain.pipeline.build_plans import Evidence

_LIBRARIES = (
    "discord.js", "eris", "oceanic.js", "telegraf", "grammy", "node-telegram-bot-api", "tmi.js",
    "@slack/bolt", "matrix-bot-sdk", "whatsapp-web.js", "@whiskeysockets/baileys", "bullmq", "bull",
    "bee-queue", "agenda", "pg-boss", "graphile-worker", "amqplib", "kafkajs", "mqtt", "node-cron",
)  # fmt: skip
"""Packages for bots, queues and schedules."""
_FILES = tuple(
    f"{directory}{stem}{ending}"
    for directory in ("", "src/")
    for ending in (".js", ".mjs", ".cjs", ".ts", ".mts")
    for stem in ("bot", "worker", "consumer", "index", "main", "app")
)


def plan_worker_script(project: NodeProject) -> RuleResult:
    """Return the start script as a worker if a worker package is listed and nothing listens."""
    package = _worker_package(project)
    script, rejected = server_script(project)
    if package is None or script is None:
        return None
    return _as_worker(project, run_script(project, script, rejected), package)


def plan_worker_file(project: NodeProject) -> RuleResult:
    """Return `main`, or a file with a common name, as a worker under the same conditions."""
    package = _worker_package(project)
    path = main_file(project) or project.first_file(_FILES)
    if package is None or path is None:
        return None
    return _as_worker(project, run_program_file(project, path), package)


def _worker_package(project: NodeProject) -> str | None:
    package = project.manifest.first_listed(_LIBRARIES)
    return None if package is None or may_listen(project) else package


def _as_worker(project: NodeProject, program: Program, package: str) -> Program:
    reason = "nothing in the code listens on a port, so it runs as a worker"
    listing = project.manifest.listing_evidence(package)
    evidence = (listing, *program.evidence, Evidence(reason=reason))
    return evolve(program, process_type="worker", evidence=evidence)
