"""
The first schema.

Revision ID: 0001
"""

from collections.abc import Sequence
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
oldest = "0001"

_time = sa.DateTime(timezone=True)
_sorted_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_row_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""The type of row numbers. SQLite assigns them only if the type is INTEGER."""


def upgrade() -> None:
    """Create all tables, the counters, and the id of the instance."""
    _create_users()
    _create_api_tokens()
    _create_ended_tokens()
    _create_projects()
    _create_deployments()
    _create_archives()
    _create_archive_chunks()
    _create_targets()
    _create_releases()
    _create_instances()
    _create_log_lines()
    _create_members()
    _create_invitations()
    _create_env_vars()
    _create_environments()
    _create_custom_domains()
    _create_volumes()
    _create_snapshots()
    _create_deploy_keys()
    _create_webhooks()
    _create_webhook_deliveries()
    _create_outbox_messages()
    _create_channels()
    _create_audit_entries()
    _create_timeline_events()
    _create_nodes()
    _create_workers()
    _create_node_leases()
    _create_counters()
    _create_identity()
    _create_schema_compatibility()


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("token_version", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", _time, nullable=True),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
    )
    op.create_index("uq_users_email", "users", ["email"], unique=True)


def _create_api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("expires_at", _time, nullable=True),
        sa.Column("last_used_at", _time, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_api_tokens_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
    )
    op.create_index("ix_api_tokens_user", "api_tokens", ["user_id"])
    op.create_index("uq_api_tokens_digest", "api_tokens", ["digest"], unique=True)


def _create_ended_tokens() -> None:
    op.create_table(
        "ended_tokens",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_ended_tokens_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_id", name="pk_ended_tokens"),
    )
    op.create_index("ix_ended_tokens_expires", "ended_tokens", ["expires_at"])


def _create_projects() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("repo_url", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("root_dir", sa.Text(), nullable=True),
        sa.Column("install_command", sa.Text(), nullable=True),
        sa.Column("build_command", sa.Text(), nullable=True),
        sa.Column("start_command", sa.Text(), nullable=True),
        sa.Column("port", sa.BigInteger(), nullable=True),
        sa.Column("framework", sa.Text(), nullable=True),
        sa.Column("health_check", sa.Text(), nullable=True),
        sa.Column("health_check_path", sa.Text(), nullable=True),
        sa.Column("health_check_timeout", sa.BigInteger(), nullable=True),
        sa.Column("rollback_window", sa.BigInteger(), nullable=True),
        sa.Column("replicas", sa.BigInteger(), nullable=True),
        sa.Column("cpu_limit", sa.Double(), nullable=True),
        sa.Column("memory_limit", sa.BigInteger(), nullable=True),
        sa.Column("auto_deploy", sa.Boolean(), nullable=False),
        sa.Column("git_token_key_id", sa.Text(), nullable=True),
        sa.Column("git_token_ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("registry_credentials_key_id", sa.Text(), nullable=True),
        sa.Column("registry_credentials_ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("updated_at", _time, nullable=False),
        sa.Column("deleted_at", _time, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_projects_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
    )
    _create_partial_index(
        "uq_projects_name", "projects", ["user_id", "name"], "deleted_at IS NULL", unique=True
    )
    op.create_index("uq_projects_number", "projects", ["number"], unique=True)
    op.create_index("uq_projects_slug", "projects", ["slug"], unique=True)


def _create_deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source_deployment_id", sa.Uuid(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("commit_sha", sa.Text(), nullable=True),
        sa.Column("commit_message", sa.Text(), nullable=True),
        sa.Column("commit_author", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("framework", sa.Text(), nullable=True),
        sa.Column("has_web", sa.Boolean(), nullable=False),
        sa.Column("image", sa.Text(), nullable=True),
        sa.Column("release_id", sa.Uuid(), nullable=True),
        sa.Column("run_settings", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("started_at", _time, nullable=True),
        sa.Column("finished_at", _time, nullable=True),
        sa.Column("stopped_at", _time, nullable=True),
        sa.Column("cancel_requested_at", _time, nullable=True),
        sa.Column("superseded_because", sa.Text(), nullable=True),
        sa.Column("drain_until", _time, nullable=True),
        sa.Column("watch_until", _time, nullable=True),
        sa.Column("replaces", sa.Uuid(), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("archive", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_digest", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_deployments_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
    )
    op.create_index("ix_deployments_created", "deployments", ["created_at", "sequence", "id"])
    _create_partial_index(
        "ix_deployments_idempotency",
        "deployments",
        ["user_id", "idempotency_key"],
        "idempotency_key IS NOT NULL",
    )
    op.create_index(
        "ix_deployments_project", "deployments", ["project_id", "created_at", "sequence", "id"]
    )
    _create_partial_index(
        "ix_deployments_release", "deployments", ["release_id"], "release_id IS NOT NULL"
    )
    op.create_index("ix_deployments_status", "deployments", ["status", "sequence"])
    op.create_index("ix_deployments_target", "deployments", ["project_id", "target", "sequence"])
    op.create_index("ix_deployments_user", "deployments", ["user_id", "started_at"])
    _create_partial_index(
        "ix_deployments_waiting",
        "deployments",
        ["status", "user_id", "created_at", "sequence", "id"],
        "status = 'queued'",
    )
    _create_partial_index(
        "uq_deployments_in_work",
        "deployments",
        ["project_id", "target"],
        "status IN ('building', 'deploying')",
        unique=True,
    )


def _create_archives() -> None:
    op.create_table(
        "archives",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("completed_at", _time, nullable=True),
        sa.Column("data_directory_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_archives_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_archives"),
    )
    op.create_index("ix_archives_project", "archives", ["project_id", "created_at"])
    op.create_index("ix_archives_user", "archives", ["user_id"])
    _create_partial_index(
        "uq_archives_hash",
        "archives",
        ["project_id", "sha256"],
        "completed_at IS NOT NULL",
        unique=True,
    )


def _create_archive_chunks() -> None:
    op.create_table(
        "archive_chunks",
        sa.Column("archive_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["archive_id"], ["archives.id"], name="fk_archive_chunks_archive_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("archive_id", "number", name="pk_archive_chunks"),
    )


def _create_targets() -> None:
    op.create_table(
        "targets",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", _sorted_text, nullable=False),
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("has_web", sa.Boolean(), nullable=False),
        sa.Column("stopped_at", _time, nullable=True),
        sa.Column("takeover_id", sa.Uuid(), nullable=True),
        sa.Column("held_until", _time, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_targets_project_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name="fk_targets_deployment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "name", name="pk_targets"),
    )
    op.create_index("ix_targets_deployment", "targets", ["deployment_id"])


def _create_releases() -> None:
    op.create_table(
        "releases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("artifact", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("commit_sha", sa.Text(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("removed_at", _time, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_releases_project_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name="fk_releases_deployment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
    )
    op.create_index("ix_releases_deployment", "releases", ["deployment_id"])
    _create_partial_index("ix_releases_kept", "releases", ["project_id"], "removed_at IS NULL")
    op.create_index("ix_releases_project", "releases", ["project_id"])


def _create_instances() -> None:
    op.create_table(
        "instances",
        sa.Column("position", _row_number, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("process_type", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("restarts", sa.BigInteger(), nullable=False),
        sa.Column("stop_at", _time, nullable=True),
        sa.Column("started_at", _time, nullable=False),
        sa.Column("restart_at", _time, nullable=True),
        sa.Column("exit", sa.Text(), nullable=True),
        sa.Column("output_position", sa.Text(), nullable=False),
        sa.Column("failed_probes", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_instances_project_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name="fk_instances_deployment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("position", name="pk_instances"),
        sa.UniqueConstraint("id", name="uq_instances_id"),
    )
    op.create_index("ix_instances_deployment", "instances", ["deployment_id"])
    op.create_index("ix_instances_project", "instances", ["project_id"])
    _create_partial_index(
        "uq_instances_port", "instances", ["node", "port"], "port IS NOT NULL", unique=True
    )


def _create_log_lines() -> None:
    op.create_table(
        "log_lines",
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name="fk_log_lines_deployment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_id", "seq", name="pk_log_lines"),
    )


def _create_members() -> None:
    op.create_table(
        "members",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_members_project_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_members_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="pk_members"),
    )
    op.create_index("ix_members_user", "members", ["user_id"])


def _create_invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("token_version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("expires_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_invitations_project_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["users.id"], name="fk_invitations_invited_by", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
    )
    op.create_index("ix_invitations_email", "invitations", ["email"])
    op.create_index("uq_invitations_place", "invitations", ["project_id", "email"], unique=True)


def _create_env_vars() -> None:
    op.create_table(
        "env_vars",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("key", _sorted_text, nullable=False),
        sa.Column("scope", _sorted_text, nullable=False),
        sa.Column("secret_key_id", sa.Text(), nullable=False),
        sa.Column("secret_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("updated_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_env_vars_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_env_vars"),
    )
    op.create_index("uq_env_vars_key", "env_vars", ["project_id", "key", "scope"], unique=True)


def _create_environments() -> None:
    op.create_table(
        "environments",
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("secret_key_id", sa.Text(), nullable=False),
        sa.Column("secret_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name="fk_environments_deployment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_id", name="pk_environments"),
    )


def _create_custom_domains() -> None:
    op.create_table(
        "custom_domains",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("challenge", sa.Text(), nullable=False),
        sa.Column("verified_at", _time, nullable=True),
        sa.Column("ssl_enabled", sa.Boolean(), nullable=False),
        sa.Column("missing_since", _time, nullable=True),
        sa.Column("checked_at", _time, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reachability", sa.JSON(), nullable=True),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("updated_at", _time, nullable=False),
        sa.Column("next_look_at", _time, nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_custom_domains_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_custom_domains"),
    )
    op.create_index("ix_custom_domains_changed", "custom_domains", ["updated_at"])
    op.create_index("ix_custom_domains_due", "custom_domains", ["next_look_at"])
    op.create_index(
        "uq_custom_domains_project", "custom_domains", ["project_id", "domain"], unique=True
    )
    _create_partial_index(
        "uq_custom_domains_verified",
        "custom_domains",
        ["domain"],
        "verified_at IS NOT NULL",
        unique=True,
    )


def _create_volumes() -> None:
    op.create_table(
        "volumes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mount_path", sa.Text(), nullable=False),
        sa.Column("access", sa.Text(), nullable=False),
        sa.Column("preview", sa.Text(), nullable=False),
        sa.Column("size_limit", sa.BigInteger(), nullable=True),
        sa.Column("snapshot_every", sa.BigInteger(), nullable=True),
        sa.Column("snapshot_keep", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.Text(), nullable=True),
        sa.Column("used_bytes", sa.BigInteger(), nullable=True),
        sa.Column("measured_at", _time, nullable=True),
        sa.Column("over_limit_since", _time, nullable=True),
        sa.Column("snapshot_overdue_since", _time, nullable=True),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("updated_at", _time, nullable=False),
        sa.Column("detached_at", _time, nullable=True),
        sa.Column("purge_after", _time, nullable=True),
        sa.Column("purging_since", _time, nullable=True),
        sa.Column("restored_from", sa.Uuid(), nullable=True),
        sa.Column("restoring_since", _time, nullable=True),
        sa.Column("restore_bytes_done", sa.BigInteger(), nullable=True),
        sa.Column("restore_bytes_total", sa.BigInteger(), nullable=True),
        sa.Column("restore_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_volumes_user_id"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_volumes_project_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_volumes"),
    )
    op.create_index("ix_volumes_project", "volumes", ["project_id"])
    op.create_index("ix_volumes_user", "volumes", ["user_id"])
    _create_partial_index(
        "uq_volumes_name",
        "volumes",
        ["project_id", "target", "name"],
        "detached_at IS NULL",
        unique=True,
    )


def _create_snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("volume_id", sa.Uuid(), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("worker_node", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("files", sa.BigInteger(), nullable=True),
        sa.Column("content_bytes", sa.BigInteger(), nullable=True),
        sa.Column("bytes_done", sa.BigInteger(), nullable=True),
        sa.Column("bytes_total", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("finished_at", _time, nullable=True),
        sa.ForeignKeyConstraint(
            ["volume_id"], ["volumes.id"], name="fk_snapshots_volume_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_snapshots"),
    )
    op.create_index("ix_snapshots_volume", "snapshots", ["volume_id"])


def _create_deploy_keys() -> None:
    op.create_table(
        "deploy_keys",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("private_key_key_id", sa.Text(), nullable=False),
        sa.Column("private_key_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_deploy_keys_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", name="pk_deploy_keys"),
    )


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("previews", sa.Boolean(), nullable=False),
        sa.Column("forks", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=True),
        sa.Column("secret_key_id", sa.Text(), nullable=False),
        sa.Column("secret_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("updated_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_webhooks_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_project", "webhooks", ["project_id"])


def _create_webhook_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("digest", _sorted_text, nullable=False),
        sa.Column("received_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name="fk_webhook_deliveries_webhook_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("webhook_id", "digest", name="pk_webhook_deliveries"),
    )
    op.create_index("ix_webhook_deliveries_received", "webhook_deliveries", ["received_at"])


def _create_outbox_messages() -> None:
    op.create_table(
        "outbox_messages",
        sa.Column("position", _row_number, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name="fk_outbox_messages_project_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("position", name="pk_outbox_messages"),
        sa.UniqueConstraint("id", name="uq_outbox_messages_id"),
    )
    op.create_index("ix_outbox_messages_due", "outbox_messages", ["next_at"])
    op.create_index("ix_outbox_messages_project", "outbox_messages", ["project_id"])
    op.create_index("ix_outbox_messages_target", "outbox_messages", ["kind", "target", "position"])


def _create_channels() -> None:
    op.create_table(
        "channels",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("url_key_id", sa.Text(), nullable=False),
        sa.Column("url_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("secret_key_id", sa.Text(), nullable=True),
        sa.Column("secret_ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("delivered_at", _time, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_channels_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_channels"),
    )
    op.create_index("ix_channels_project", "channels", ["project_id"])


def _create_audit_entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("position", _row_number, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("created_at", _time, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_audit_entries"),
        sa.UniqueConstraint("id", name="uq_audit_entries_id"),
    )
    op.create_index("ix_audit_entries_user", "audit_entries", ["user_id", "position"])


def _create_timeline_events() -> None:
    op.create_table(
        "timeline_events",
        sa.Column("position", _row_number, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", _time, nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name="fk_timeline_events_deployment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("position", name="pk_timeline_events"),
        sa.UniqueConstraint("id", name="uq_timeline_events_id"),
    )
    op.create_index("ix_timeline_events_created", "timeline_events", ["created_at"])
    op.create_index(
        "ix_timeline_events_deployment", "timeline_events", ["deployment_id", "position"]
    )


def _create_nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("runtime", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data_directory_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("runtime", name="pk_nodes"),
    )


def _create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("runtime", sa.Text(), nullable=False),
        sa.Column("concurrency", sa.BigInteger(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("started_at", _time, nullable=False),
        sa.Column("seen_at", _time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )


def _create_node_leases() -> None:
    op.create_table(
        "node_leases",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("heartbeat", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", name="pk_node_leases"),
    )


def _create_counters() -> None:
    table = op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counters"),
    )
    op.bulk_insert(
        table, [{"name": "project_number", "value": 0}, {"name": "generation", "value": 0}]
    )


def _create_identity() -> None:
    table = op.create_table(
        "identity",
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", name="pk_identity"),
    )
    op.bulk_insert(table, [{"instance_id": uuid4()}])


def _create_schema_compatibility() -> None:
    table = op.create_table(
        "schema_compatibility",
        sa.Column("oldest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("oldest", name="pk_schema_compatibility"),
    )
    op.bulk_insert(table, [{"oldest": oldest}])


def _create_partial_index(
    name: str, table: str, columns: Sequence[str], condition: str, *, unique: bool = False
) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
