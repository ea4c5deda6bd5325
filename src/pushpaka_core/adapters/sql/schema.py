"""
The tables.

A table's `info` has the names of a row and of the row that it belongs to, for error messages. The
`info` of a unique index has the name of the duplicate value.
"""

from typing import Any

import sqlalchemy as sa

from pushpaka_core.adapters.sql.columns import (
    document,
    flag,
    integer,
    number,
    parent_key,
    position_and_id,
    secret,
    sorted_text,
    text,
    time,
    uuid,
    uuid_key,
)
from pushpaka_core.domain.accounts.members import INVITATIONS
from pushpaka_core.domain.integrations.notifications import CHANNELS
from pushpaka_core.domain.integrations.webhooks import WEBHOOKS
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.routing.custom_domains import CUSTOM_DOMAINS

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


def _table(name: str, *parts: sa.schema.SchemaItem, noun: str, parent: str = "") -> sa.Table:
    return sa.Table(name, metadata, *parts, info={"noun": noun, "parent": parent})


def _entity_table(entity_type: EntityType[Any, Any], *parts: sa.schema.SchemaItem) -> sa.Table:
    keys = uuid_key(), parent_key("project_id", "projects")
    return _table(entity_type.table, *keys, *parts, noun=entity_type.noun, parent="project")


def _unique(name: str, *columns: str, field: str, where: str | None = None) -> sa.Index:
    condition = None if where is None else sa.text(where)
    return sa.Index(name, *columns, unique=True, info={"field": field}, sqlite_where=condition)


def _index(name: str, *columns: str, where: str | None = None) -> sa.Index:
    condition = None if where is None else sa.text(where)
    return sa.Index(name, *columns, sqlite_where=condition)


def copy_index_conditions(dialect: str) -> None:
    """
    Copy the conditions of partial indexes from SQLite to *dialect*.

    Passing `postgresql_where` to the index would make SQLAlchemy import that dialect, which
    instances on SQLite do not need.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_options[dialect]["where"] = index.dialect_options["sqlite"]["where"]


users = _table(
    "users",
    uuid_key(),
    text("email"),
    text("name"),
    text("role"),
    text("password_hash"),
    integer("token_version"),
    time("disabled_at", nullable=True),
    time("created_at"),
    integer("version"),
    _unique("uq_users_email", "email", field="email address"),
    noun="user",
)

api_tokens = _table(
    "api_tokens",
    uuid_key(),
    parent_key("user_id", "users"),
    text("name"),
    text("scope"),
    text("prefix"),
    text("digest"),
    time("created_at"),
    time("expires_at", nullable=True),
    time("last_used_at", nullable=True),
    _unique("uq_api_tokens_digest", "digest", field="token"),
    _index("ix_api_tokens_user", "user_id"),
    noun="token",
    parent="user",
)

ended_tokens = _table(
    "ended_tokens",
    sa.Column("token_id", sa.Text(), primary_key=True),
    parent_key("user_id", "users"),
    time("expires_at"),
    _index("ix_ended_tokens_expires", "expires_at"),
    noun="ended token",
    parent="user",
)

projects = _table(
    "projects",
    uuid_key(),
    sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
    integer("number"),
    text("name"),
    text("slug"),
    text("repo_url"),
    text("branch"),
    text("root_dir", nullable=True),
    text("install_command", nullable=True),
    text("build_command", nullable=True),
    text("start_command", nullable=True),
    integer("port", nullable=True),
    text("framework", nullable=True),
    text("health_check", nullable=True),
    text("health_check_path", nullable=True),
    integer("health_check_timeout", nullable=True),
    integer("rollback_window", nullable=True),
    integer("replicas", nullable=True),
    number("cpu_limit", nullable=True),
    integer("memory_limit", nullable=True),
    flag("auto_deploy"),
    *secret("git_token", nullable=True),
    *secret("registry_credentials", nullable=True),
    integer("next_sequence"),
    time("created_at"),
    time("updated_at"),
    time("deleted_at", nullable=True),
    integer("version"),
    _unique(
        "uq_projects_name",
        "user_id",
        "name",
        field="project name",
        where="deleted_at IS NULL",
    ),
    _unique("uq_projects_slug", "slug", field="slug"),
    _unique("uq_projects_number", "number", field="project number"),
    noun="project",
    parent="user",
)

deployments = _table(
    "deployments",
    uuid_key(),
    parent_key("project_id", "projects"),
    uuid("user_id"),
    text("slug"),
    text("target"),
    text("kind"),
    uuid("source_deployment_id", nullable=True),
    integer("sequence"),
    text("branch"),
    text("commit_sha", nullable=True),
    text("commit_message", nullable=True),
    text("commit_author", nullable=True),
    text("status"),
    text("phase", nullable=True),
    text("framework", nullable=True),
    flag("has_web"),
    text("image", nullable=True),
    uuid("release_id", nullable=True),
    document("run_settings", nullable=True),
    text("error", nullable=True),
    time("created_at"),
    time("started_at", nullable=True),
    time("finished_at", nullable=True),
    time("stopped_at", nullable=True),
    time("cancel_requested_at", nullable=True),
    text("superseded_because", nullable=True),
    time("drain_until", nullable=True),
    time("watch_until", nullable=True),
    uuid("replaces", nullable=True),
    integer("generation"),
    text("worker", nullable=True),
    integer("fence"),
    integer("heartbeat"),
    integer("attempts"),
    integer("last_seq"),
    text("archive", nullable=True),
    text("idempotency_key", nullable=True),
    text("request_digest", nullable=True),
    integer("version"),
    _unique(
        "uq_deployments_in_work",
        "project_id",
        "target",
        field="target",
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
    noun="deployment",
    parent="project",
)

archives = _table(
    "archives",
    uuid_key(),
    parent_key("project_id", "projects"),
    uuid("user_id"),
    text("sha256"),
    integer("size"),
    time("created_at"),
    time("completed_at", nullable=True),
    text("data_directory_id", nullable=True),
    _unique(
        "uq_archives_hash",
        "project_id",
        "sha256",
        field="archive",
        where="completed_at IS NOT NULL",
    ),
    _index("ix_archives_project", "project_id", "created_at"),
    _index("ix_archives_user", "user_id"),
    noun="archive",
    parent="project",
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
    noun="archive chunk",
    parent="archive",
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
    parent_key("deployment_id", "deployments"),
    integer("sequence"),
    flag("has_web"),
    time("stopped_at", nullable=True),
    uuid("takeover_id", nullable=True),
    time("held_until", nullable=True),
    integer("version"),
    _index("ix_targets_deployment", "deployment_id"),
    noun="target",
    parent="deployment",
)

releases = _table(
    "releases",
    uuid_key(),
    parent_key("project_id", "projects"),
    parent_key("deployment_id", "deployments"),
    document("plan"),
    text("artifact"),
    text("digest"),
    text("commit_sha"),
    time("created_at"),
    time("removed_at", nullable=True),
    integer("version"),
    _index("ix_releases_project", "project_id"),
    _index("ix_releases_kept", "project_id", where="removed_at IS NULL"),
    _index("ix_releases_deployment", "deployment_id"),
    noun="release",
    parent="deployment",
)

instances = _table(
    "instances",
    *position_and_id(),
    parent_key("project_id", "projects"),
    parent_key("deployment_id", "deployments"),
    integer("fence"),
    integer("generation"),
    text("process_type"),
    integer("index"),
    text("node"),
    text("host"),
    integer("port", nullable=True),
    text("state"),
    integer("restarts"),
    time("stop_at", nullable=True),
    time("started_at"),
    time("restart_at", nullable=True),
    text("exit", nullable=True),
    text("output_position"),
    integer("failed_probes"),
    integer("version"),
    _unique("uq_instances_port", "node", "port", field="port", where="port IS NOT NULL"),
    _index("ix_instances_project", "project_id"),
    _index("ix_instances_deployment", "deployment_id"),
    noun="instance",
    parent="deployment",
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
    noun="log line",
    parent="deployment",
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
    noun="member",
    parent="project",
)

invitations = _entity_table(
    INVITATIONS,
    text("email"),
    text("role"),
    parent_key("invited_by", "users"),
    integer("token_version"),
    time("created_at"),
    time("expires_at"),
    _unique("uq_invitations_place", "project_id", "email", field="invitation"),
    _index("ix_invitations_email", "email"),
)

env_vars = _table(
    "env_vars",
    uuid_key(),
    parent_key("project_id", "projects"),
    sorted_text("key"),
    sorted_text("scope"),
    *secret("secret"),
    integer("version"),
    time("created_at"),
    time("updated_at"),
    _unique("uq_env_vars_key", "project_id", "key", "scope", field="environment variable"),
    noun="environment variable",
    parent="project",
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
    noun="environment",
    parent="deployment",
)

custom_domains = _entity_table(
    CUSTOM_DOMAINS,
    uuid("user_id"),
    text("domain"),
    text("challenge"),
    time("verified_at", nullable=True),
    flag("ssl_enabled"),
    time("missing_since", nullable=True),
    time("checked_at", nullable=True),
    text("reason", nullable=True),
    document("reachability", nullable=True),
    time("created_at"),
    time("updated_at"),
    time("next_look_at", nullable=True),
    _index("ix_custom_domains_due", "next_look_at"),
    _index("ix_custom_domains_changed", "updated_at"),
    _unique("uq_custom_domains_project", "project_id", "domain", field="domain"),
    _unique(
        "uq_custom_domains_verified", "domain", field="domain", where="verified_at IS NOT NULL"
    ),
)

volumes = _table(
    "volumes",
    uuid_key(),
    sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
    sa.Column("project_id", sa.Uuid(), sa.ForeignKey("projects.id", ondelete="SET NULL")),
    text("target"),
    text("name"),
    text("mount_path"),
    text("access"),
    text("preview"),
    integer("size_limit", nullable=True),
    integer("snapshot_every", nullable=True),
    integer("snapshot_keep"),
    text("node", nullable=True),
    integer("used_bytes", nullable=True),
    time("measured_at", nullable=True),
    time("over_limit_since", nullable=True),
    time("snapshot_overdue_since", nullable=True),
    time("created_at"),
    time("updated_at"),
    time("detached_at", nullable=True),
    time("purge_after", nullable=True),
    time("purging_since", nullable=True),
    uuid("restored_from", nullable=True),
    time("restoring_since", nullable=True),
    integer("restore_bytes_done", nullable=True),
    integer("restore_bytes_total", nullable=True),
    text("restore_error", nullable=True),
    document("server", nullable=True),
    *secret("server_password", nullable=True),
    _unique(
        "uq_volumes_name",
        "project_id",
        "target",
        "name",
        field="volume name",
        where="detached_at IS NULL",
    ),
    _index("ix_volumes_project", "project_id"),
    _index("ix_volumes_user", "user_id"),
    noun="volume",
    parent="project",
)

snapshots = _table(
    "snapshots",
    uuid_key(),
    parent_key("volume_id", "volumes"),
    flag("is_automatic"),
    text("status"),
    text("worker_node", nullable=True),
    integer("fence"),
    uuid("file_id", nullable=True),
    integer("size_bytes", nullable=True),
    text("sha256", nullable=True),
    integer("files", nullable=True),
    integer("content_bytes", nullable=True),
    integer("bytes_done", nullable=True),
    integer("bytes_total", nullable=True),
    text("error", nullable=True),
    time("created_at"),
    time("finished_at", nullable=True),
    _index("ix_snapshots_volume", "volume_id"),
    noun="snapshot",
    parent="volume",
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
    noun="deploy key",
    parent="project",
)

webhooks = _entity_table(
    WEBHOOKS,
    text("provider"),
    flag("previews"),
    flag("forks"),
    text("tags", nullable=True),
    *secret("secret"),
    time("created_at"),
    time("updated_at"),
    _index("ix_webhooks_project", "project_id"),
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
    noun="webhook delivery",
    parent="webhook",
)

outbox_messages = _table(
    "outbox_messages",
    *position_and_id(),
    parent_key("project_id", "projects"),
    text("kind"),
    text("target"),
    text("body"),
    integer("attempts"),
    time("next_at"),
    _index("ix_outbox_messages_due", "next_at"),
    _index("ix_outbox_messages_project", "project_id"),
    _index("ix_outbox_messages_target", "kind", "target", "position"),
    noun="message",
    parent="project",
)

channels = _entity_table(
    CHANNELS,
    text("service"),
    *secret("url"),
    *secret("secret", nullable=True),
    document("events"),
    time("delivered_at", nullable=True),
    text("error", nullable=True),
    time("created_at"),
    _index("ix_channels_project", "project_id"),
)

audit_entries = _table(
    "audit_entries",
    *position_and_id(),
    uuid("user_id", nullable=True),
    text("action"),
    uuid("subject_id"),
    text("detail", nullable=True),
    time("created_at"),
    _index("ix_audit_entries_user", "user_id", "position"),
    noun="audit entry",
)

timeline_events = _table(
    "timeline_events",
    *position_and_id(),
    parent_key("deployment_id", "deployments"),
    text("status"),
    text("phase", nullable=True),
    text("cause"),
    uuid("user_id", nullable=True),
    time("created_at"),
    _index("ix_timeline_events_deployment", "deployment_id", "position"),
    _index("ix_timeline_events_created", "created_at"),
    noun="timeline event",
    parent="deployment",
)

nodes = _table(
    "nodes",
    sa.Column("runtime", sa.Text(), primary_key=True),
    text("name"),
    text("data_directory_id"),
    noun="node",
)

workers = _table(
    "workers",
    uuid_key(),
    text("name"),
    text("node"),
    text("version"),
    text("runtime"),
    integer("concurrency"),
    integer("jobs"),
    time("started_at"),
    time("seen_at"),
    noun="worker",
)

node_leases = _table(
    "node_leases",
    sa.Column("node", sa.Text(), primary_key=True),
    integer("fence"),
    text("holder", nullable=True),
    integer("heartbeat"),
    noun="node lease",
)

counters = _table(
    "counters",
    sa.Column("name", sa.Text(), primary_key=True),
    integer("value"),
    noun="counter",
)

identity = _table(
    "identity",
    sa.Column("instance_id", sa.Uuid(), primary_key=True),
    noun="identity",
)

schema_compatibility = _table(
    "schema_compatibility",
    sa.Column("oldest", sa.Text(), primary_key=True),
    noun="schema compatibility",
)

alembic_version = sa.table("alembic_version", sa.column("version_num", sa.Text()))
"""The table is maintained by Alembic."""
