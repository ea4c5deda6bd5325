"""
The tables.

A table's `info` says what a row is called, and to what it belongs; that of a unique
index says what is taken when it refuses a row.
"""

import sqlalchemy as sa

from pushpaka_core.adapters.sql.columns import (
    document,
    flag,
    integer,
    key,
    number,
    owner,
    secret,
    sorted_text,
    text,
    time,
    unique_id,
    uuid,
)

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


def _table(name: str, *parts: sa.schema.SchemaItem, row: str, of: str = "") -> sa.Table:
    return sa.Table(name, metadata, *parts, info={"row": row, "of": of})


def _unique(name: str, *columns: str, taken: str, where: str | None = None) -> sa.Index:
    condition = None if where is None else sa.text(where)
    return sa.Index(name, *columns, unique=True, info={"taken": taken}, sqlite_where=condition)


def _index(name: str, *columns: str, where: str | None = None) -> sa.Index:
    condition = None if where is None else sa.text(where)
    return sa.Index(name, *columns, sqlite_where=condition)


def take_conditions_over(dialect: str) -> None:
    """
    Have indexes hold the same in *dialect* as in that of SQLite.

    SQLAlchemy loads a whole dialect to take an option for it, which who uses SQLite does without.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_options[dialect]["where"] = index.dialect_options["sqlite"]["where"]


users = _table(
    "users",
    key(),
    text("email"),
    text("name"),
    text("role"),
    text("password_hash"),
    integer("token_version"),
    time("disabled_at", null=True),
    time("created_at"),
    integer("version"),
    _unique("uq_users_email", "email", taken="e-mail address"),
    row="user",
)

api_tokens = _table(
    "api_tokens",
    key(),
    owner("user_id", "users"),
    text("name"),
    text("scope"),
    text("prefix"),
    text("digest"),
    time("created_at"),
    time("expires_at", null=True),
    time("last_used_at", null=True),
    _unique("uq_api_tokens_digest", "digest", taken="token"),
    _index("ix_api_tokens_user", "user_id"),
    row="token",
    of="user",
)

ended_tokens = _table(
    "ended_tokens",
    sa.Column("token_id", sa.Text(), primary_key=True),
    owner("user_id", "users"),
    time("expires_at"),
    _index("ix_ended_tokens_expires", "expires_at"),
    row="ended token",
    of="user",
)

projects = _table(
    "projects",
    key(),
    sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
    integer("number"),
    text("name"),
    text("slug"),
    text("repo_url"),
    text("branch"),
    text("root_dir", null=True),
    text("install_command", null=True),
    text("build_command", null=True),
    text("start_command", null=True),
    integer("port", null=True),
    text("framework", null=True),
    text("health_check_path", null=True),
    integer("health_check_timeout", null=True),
    integer("replicas", null=True),
    number("cpu_limit", null=True),
    integer("memory_limit", null=True),
    flag("auto_deploy"),
    *secret("git_token", null=True),
    integer("next_sequence"),
    time("created_at"),
    time("updated_at"),
    time("deleted_at", null=True),
    integer("version"),
    _unique(
        "uq_projects_name",
        "user_id",
        "name",
        taken="project name",
        where="deleted_at IS NULL",
    ),
    _unique("uq_projects_slug", "slug", taken="slug"),
    _unique("uq_projects_number", "number", taken="project number"),
    row="project",
    of="user",
)

deployments = _table(
    "deployments",
    key(),
    owner("project_id", "projects"),
    uuid("user_id"),
    text("slug"),
    text("target"),
    text("kind"),
    uuid("source_deployment_id", null=True),
    integer("sequence"),
    text("branch"),
    text("commit_sha", null=True),
    text("commit_message", null=True),
    text("commit_author", null=True),
    text("status"),
    text("phase", null=True),
    text("framework", null=True),
    text("image", null=True),
    uuid("release_id", null=True),
    document("run_settings", null=True),
    text("error", null=True),
    time("created_at"),
    time("started_at", null=True),
    time("finished_at", null=True),
    time("stopped_at", null=True),
    time("cancel_requested_at", null=True),
    text("superseded_because", null=True),
    time("drain_until", null=True),
    integer("generation"),
    text("worker", null=True),
    integer("fence"),
    integer("heartbeat"),
    integer("attempts"),
    integer("last_seq"),
    text("archive", null=True),
    text("idempotency_key", null=True),
    text("request_digest", null=True),
    integer("version"),
    _unique(
        "uq_deployments_in_work",
        "project_id",
        "target",
        taken="target",
        where="status IN ('building', 'deploying')",
    ),
    _index("ix_deployments_status", "status", "sequence"),
    _index("ix_deployments_created", "created_at", "sequence", "id"),
    _index("ix_deployments_project", "project_id", "created_at", "sequence", "id"),
    _index("ix_deployments_target", "project_id", "target", "sequence"),
    _index("ix_deployments_user", "user_id", "started_at"),
    _index("ix_deployments_release", "release_id", where="release_id IS NOT NULL"),
    _index(
        "ix_deployments_waiting",
        "status",
        "user_id",
        "created_at",
        "sequence",
        "id",
        where="status = 'queued'",
    ),
    _index(
        "ix_deployments_idempotency",
        "user_id",
        "idempotency_key",
        where="idempotency_key IS NOT NULL",
    ),
    row="deployment",
    of="project",
)

archives = _table(
    "archives",
    key(),
    owner("project_id", "projects"),
    uuid("user_id"),
    text("sha256"),
    integer("size"),
    time("created_at"),
    time("completed_at", null=True),
    _unique(
        "uq_archives_hash",
        "project_id",
        "sha256",
        taken="archive",
        where="completed_at IS NOT NULL",
    ),
    _index("ix_archives_project", "project_id", "created_at"),
    row="archive",
    of="project",
)

archive_chunks = _table(
    "archive_chunks",
    sa.Column(
        "archive_id",
        sa.Uuid(),
        sa.ForeignKey("archives.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("content", sa.LargeBinary(), nullable=False),
    row="archive chunk",
    of="archive",
)

targets = _table(
    "targets",
    sa.Column(
        "project_id",
        sa.Uuid(),
        sa.ForeignKey("projects.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sorted_text("name", primary_key=True),
    owner("deployment_id", "deployments"),
    integer("sequence"),
    time("stopped_at", null=True),
    integer("version"),
    _index("ix_targets_deployment", "deployment_id"),
    row="target",
    of="deployment",
)

releases = _table(
    "releases",
    key(),
    owner("project_id", "projects"),
    owner("deployment_id", "deployments"),
    document("plan"),
    text("artifact"),
    text("digest"),
    text("commit_sha"),
    time("created_at"),
    time("removed_at", null=True),
    integer("version"),
    _index("ix_releases_project", "project_id"),
    _index("ix_releases_kept", "project_id", where="removed_at IS NULL"),
    _index("ix_releases_deployment", "deployment_id"),
    row="release",
    of="deployment",
)

instances = _table(
    "instances",
    *unique_id(),
    owner("project_id", "projects"),
    owner("deployment_id", "deployments"),
    integer("fence"),
    integer("generation"),
    text("process_type"),
    integer("index"),
    text("node"),
    text("host"),
    integer("port", null=True),
    text("state"),
    integer("restarts"),
    time("stop_at", null=True),
    time("started_at"),
    time("restart_at", null=True),
    text("exit", null=True),
    text("output_position"),
    integer("misses"),
    integer("version"),
    _unique("uq_instances_port", "node", "port", taken="port", where="port IS NOT NULL"),
    _index("ix_instances_project", "project_id"),
    _index("ix_instances_deployment", "deployment_id"),
    row="instance",
    of="deployment",
)

log_lines = _table(
    "log_lines",
    sa.Column(
        "deployment_id",
        sa.Uuid(),
        sa.ForeignKey("deployments.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=False),
    text("level"),
    text("stream"),
    text("phase"),
    text("message"),
    time("created_at"),
    row="log line",
    of="deployment",
)

members = _table(
    "members",
    sa.Column(
        "project_id",
        sa.Uuid(),
        sa.ForeignKey("projects.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column(
        "user_id", sa.Uuid(), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    ),
    text("role"),
    time("created_at"),
    _index("ix_members_user", "user_id"),
    row="member",
    of="project",
)

invitations = _table(
    "invitations",
    key(),
    owner("project_id", "projects"),
    text("email"),
    text("role"),
    owner("invited_by", "users"),
    integer("token_version"),
    time("created_at"),
    time("expires_at"),
    _unique("uq_invitations_place", "project_id", "email", taken="invitation"),
    _index("ix_invitations_email", "email"),
    row="invitation",
    of="project",
)

env_vars = _table(
    "env_vars",
    key(),
    owner("project_id", "projects"),
    sorted_text("key"),
    sorted_text("scope"),
    *secret("secret"),
    integer("version"),
    time("created_at"),
    time("updated_at"),
    _unique("uq_env_vars_key", "project_id", "key", "scope", taken="env var"),
    row="env var",
    of="project",
)

environments = _table(
    "environments",
    sa.Column(
        "deployment_id",
        sa.Uuid(),
        sa.ForeignKey("deployments.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    *secret("secret"),
    document("versions"),
    row="environment",
    of="deployment",
)

custom_domains = _table(
    "custom_domains",
    key(),
    owner("project_id", "projects"),
    uuid("user_id"),
    text("domain"),
    text("challenge"),
    time("verified_at", null=True),
    flag("ssl_enabled"),
    time("missing_since", null=True),
    time("checked_at", null=True),
    text("reason", null=True),
    document("reachability", null=True),
    time("created_at"),
    time("updated_at"),
    time("next_look_at", null=True),
    _index("ix_custom_domains_due", "next_look_at"),
    _index("ix_custom_domains_changed", "updated_at"),
    _unique("uq_custom_domains_project", "project_id", "domain", taken="domain"),
    _unique(
        "uq_custom_domains_verified", "domain", taken="domain", where="verified_at IS NOT NULL"
    ),
    row="domain",
    of="project",
)

deploy_keys = _table(
    "deploy_keys",
    sa.Column(
        "project_id",
        sa.Uuid(),
        sa.ForeignKey("projects.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    text("public_key"),
    *secret("private_key"),
    time("created_at"),
    row="deploy key",
    of="project",
)

webhooks = _table(
    "webhooks",
    key(),
    owner("project_id", "projects"),
    text("provider"),
    flag("previews"),
    flag("forks"),
    *secret("secret"),
    time("created_at"),
    time("updated_at"),
    _index("ix_webhooks_project", "project_id"),
    row="webhook",
    of="project",
)

webhook_deliveries = _table(
    "webhook_deliveries",
    sa.Column(
        "webhook_id",
        sa.Uuid(),
        sa.ForeignKey("webhooks.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sorted_text("digest", primary_key=True),
    time("received_at"),
    _index("ix_webhook_deliveries_received", "received_at"),
    row="webhook delivery",
    of="webhook",
)

outbox_messages = _table(
    "outbox_messages",
    *unique_id(),
    owner("project_id", "projects"),
    text("kind"),
    text("target"),
    text("body"),
    integer("attempts"),
    time("next_at"),
    _index("ix_outbox_messages_due", "next_at"),
    _index("ix_outbox_messages_project", "project_id"),
    _index("ix_outbox_messages_target", "kind", "target", "position"),
    row="message",
    of="project",
)

channels = _table(
    "channels",
    key(),
    owner("project_id", "projects"),
    text("service"),
    *secret("url"),
    *secret("secret", null=True),
    flag("success"),
    flag("failure"),
    flag("crash"),
    time("told_at", null=True),
    text("error", null=True),
    time("created_at"),
    _index("ix_channels_project", "project_id"),
    row="channel",
    of="project",
)

audit_entries = _table(
    "audit_entries",
    *unique_id(),
    uuid("user_id", null=True),
    text("action"),
    uuid("subject_id"),
    text("detail", null=True),
    time("created_at"),
    _index("ix_audit_entries_user", "user_id", "position"),
    row="audit entry",
)

timeline_events = _table(
    "timeline_events",
    *unique_id(),
    owner("deployment_id", "deployments"),
    text("status"),
    text("phase", null=True),
    text("cause"),
    uuid("user_id", null=True),
    time("created_at"),
    _index("ix_timeline_events_deployment", "deployment_id", "position"),
    _index("ix_timeline_events_created", "created_at"),
    row="timeline event",
    of="deployment",
)

nodes = _table(
    "nodes",
    sa.Column("runtime", sa.Text(), primary_key=True),
    text("name"),
    text("home"),
    row="node",
)

workers = _table(
    "workers",
    key(),
    text("name"),
    text("node"),
    text("version"),
    text("runtime"),
    integer("concurrency"),
    integer("jobs"),
    time("started_at"),
    time("seen_at"),
    row="worker",
)

node_leases = _table(
    "node_leases",
    sa.Column("node", sa.Text(), primary_key=True),
    integer("fence"),
    text("holder", null=True),
    integer("heartbeat"),
    row="node lease",
)

counters = _table(
    "counters",
    sa.Column("name", sa.Text(), primary_key=True),
    integer("value"),
    row="counter",
)

identity = _table(
    "identity",
    sa.Column("instance_id", sa.Uuid(), primary_key=True),
    row="identity",
)

schema_compatibility = _table(
    "schema_compatibility",
    sa.Column("oldest", sa.Text(), primary_key=True),
    row="schema compatibility",
)

alembic_version = sa.table("alembic_version", sa.column("version_num", sa.Text()))
"""Made and kept by Alembic."""
