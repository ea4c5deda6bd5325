"""Tests `pushpaka deploy`: the deployed commit, the output, and the exit code."""

import re

import pytest
from anyio import CancelScope
from anyio.lowlevel import checkpoint
from tests.cli.commands.machines import Machine, Server, Shop, run_in_background
from tests.client.proxy import Proxy, proxy_to
from tests.wait_until import wait_until

from pushpaka_core.errors import BuildError
from pushpaka_http.cli.commands import started_deployment
from pushpaka_http.cli.ui import deployment_follower
from pushpaka_http.client import Client, DeploymentTimeoutError


@pytest.fixture
def hanging_builds(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make builds wait until they are canceled."""
    monkeypatch.setattr(server.builder, "is_hanging", True)


@pytest.fixture
def failing_builds(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make builds fail after a line that contains the reason."""
    monkeypatch.setattr(server.builder, "output", ("The roof is missing.\n",))
    monkeypatch.setattr(server.builder, "failure", BuildError("The build failed."))


class TestCommit:
    """Tests that the checked-out commit is deployed if it is pushed."""

    def test_deployment_is_followed_until_it_runs(self, ann: Machine, server: Server) -> None:
        """Steps, log lines and messages go to stderr. Without a terminal, stdout is the URL."""
        shop = Shop.create(server, ann, "followed")
        commit = shop.repository.git("rev-parse", "HEAD")

        ended = shop.machine.run("deploy")

        (deployment,) = shop.deployments()
        assert f"{shop.url}\n" == ended.stdout
        assert ["main", commit, "running"] == [
            deployment[name] for name in ("branch", "commit_sha", "status")
        ]
        lines = ended.stderr.splitlines()
        assert f"Deploying followed: main ({commit[:7]}) to production." == lines[0]
        assert re.fullmatch(r"Deployed in \d+\.\d s\.", lines[-2])
        assert f"Live at {shop.url}" == lines[-1]
        phases = [line.split()[1] for line in lines if re.fullmatch(r"✓ \w+ +\d+\.\d s", line)]
        assert ["queued", "source", "build", "start", "switch"] == phases
        assert lines.index("build   | Built.") < next(
            place for place, line in enumerate(lines) if line.startswith("✓ build ")
        )
        assert "build   | Built." in lines
        assert "\x1b" not in ended.stderr

    def test_with_json_every_step_and_line_is_printed_once(
        self, ann: Machine, server: Server
    ) -> None:
        """The printed objects are those of the API, and the deployment is the last one."""
        shop = Shop.create(server, ann, "objects")

        ended = shop.machine.run("deploy", "--json")
        objects = shop.machine.printed_objects(ended)

        deployment = objects[-1]["deployment"]
        lines = [each["line"] for each in objects if each["type"] == "line"]
        steps = [each["event"]["id"] for each in objects if each["type"] == "event"]
        assert "" == ended.stderr
        assert "running" == deployment["status"]
        assert shop.log(deployment["id"])[: len(lines)] == lines
        assert [step["id"] for step in shop.timeline(deployment["id"])] == steps

    @pytest.mark.usefixtures("hanging_builds")
    def test_every_step_and_line_is_printed_once_after_a_lost_connection(
        self, ann: Machine, server: Server
    ) -> None:
        """The deployment continues while the server cannot be reached."""
        shop = Shop.create(server, ann, "cut")

        def interrupt(proxy: Proxy) -> None:
            deployment = shop.wait_until("building")
            wait_until(lambda: "Built." in [line["message"] for line in shop.log(deployment["id"])])
            server.call(proxy.disconnect)
            shop.ask("POST", f"/deployments/{deployment['id']}/cancel")
            shop.wait_until("cancelled")
            proxy.lost_answers = 0

        with server.portal.wrap_async_context_manager(proxy_to(server.port)) as proxy:
            env = {"PUSHPAKA_CLIENT_URL": proxy.url, "PUSHPAKA_CLIENT_TOKEN": shop.token}
            with run_in_background(interrupt, proxy):
                ended = shop.machine.run("deploy", "--json", code=1, env=env)
        objects = shop.machine.printed_objects(ended)

        deployment = objects[-1]["deployment"]
        lines = [each["line"] for each in objects if each["type"] == "line"]
        steps = [each["event"]["id"] for each in objects if each["type"] == "event"]
        assert "cancelled" == deployment["status"]
        assert "Built." in [line["message"] for line in lines]
        assert shop.log(deployment["id"])[: len(lines)] == lines
        assert [step["id"] for step in shop.timeline(deployment["id"])] == steps


class TestExitCode:
    """Tests that the exit code is 0 only if the deployment runs."""

    @pytest.mark.usefixtures("failing_builds")
    def test_a_failure_is_explained_once(self, ann: Machine, server: Server) -> None:
        """The last lines name the failed phase, the reason, and where to find the log."""
        shop = Shop.create(server, ann, "failing")

        ended = shop.machine.run("deploy", code=1)
        status = shop.machine.run("status").stdout

        (deployment,) = shop.deployments()
        reason = deployment["error"].splitlines()[0]
        assert "" == ended.stdout
        assert [f"{shop.name} is not deployed yet."] == status.splitlines()[:1]
        assert re.search(rf"^The latest deployment failed .+: {reason} See: ", status, re.MULTILINE)
        *_, line, phase, failure, advice = ended.stderr.splitlines()
        assert "build   | The roof is missing." == line
        assert re.fullmatch(r"✗ build +\d+\.\d s", phase)
        assert [1, 1] == [ended.stderr.count(each) for each in ("The roof is missing.", reason)]
        assert failure.startswith('The deployment failed in the phase "build" after ')
        assert failure.endswith(reason)
        assert f"See the full log: pushpaka logs {deployment['id']}" == advice

    def test_failure_names_the_previous_version(
        self, ann: Machine, server: Server, request: pytest.FixtureRequest
    ) -> None:
        """The previous version remains available at the URL of the project."""
        shop = Shop.create(server, ann, "goingon")
        shop.machine.run("deploy")
        request.getfixturevalue("failing_builds")

        failed = shop.machine.run("deploy", code=1)

        assert f"The previous version is still live at {shop.url}" == failed.stderr.splitlines()[-1]

    @pytest.mark.usefixtures("hanging_builds")
    def test_a_canceled_deployment_exits_with_1(self, ann: Machine, server: Server) -> None:
        """The deployment can be canceled elsewhere, for example by another user."""
        shop = Shop.create(server, ann, "cancelled")

        def cancel() -> None:
            shop.ask("POST", f"/deployments/{shop.wait_until('building')['id']}/cancel")

        with run_in_background(cancel):
            ended = shop.machine.run("deploy", code=1)

        assert "The deployment was canceled." in ended.stderr.splitlines()

    @pytest.mark.usefixtures("hanging_builds")
    def test_a_superseded_deployment_exits_with_1(self, ann: Machine, server: Server) -> None:
        """A queued deployment is superseded if a newer one is requested for the same target."""
        shop = Shop.create(server, ann, "superseded")
        first = shop.machine.run("deploy", "--detach").stdout.strip()
        shop.wait_until("building")

        def deploy_again() -> str:
            shop.wait_until("queued", number=2)
            return str(shop.deploy()["id"])

        with run_in_background(deploy_again) as newer:
            ended = shop.machine.run("deploy", "--json", code=1)
        for id_ in (newer.result(), first):
            shop.machine.run("cancel", id_)

        assert "superseded" == shop.machine.printed_objects(ended)[-1]["deployment"]["status"]

    @pytest.mark.usefixtures("hanging_builds")
    def test_timeout_stops_only_the_command(self, ann: Machine, server: Server) -> None:
        """The exit code is 1, and the deployment continues."""
        shop = Shop.create(server, ann, "endless")

        ended = shop.machine.run("deploy", "--timeout", "0.2", code=1)

        (deployment,) = shop.deployments()
        shop.machine.run("cancel", deployment["id"][:8])
        assert "The timeout of 0.2 s has expired. The deployment continues." in ended.stderr
        assert deployment["status"] in {"queued", "building"}


class TestLocalFolder:
    """Tests `--local`, which deploys the folder itself."""

    def test_a_clone_is_deployed_with_uncommitted_files(self, ann: Machine, server: Server) -> None:
        """The deployment has the number and size of the uploaded files in place of a commit."""
        shop = Shop.create(server, ann, "localsite")
        (shop.machine.folder / "new.html").write_text("new")

        started_deployment = shop.machine.json("deploy", "--local", "--preview", "--detach")
        ended = shop.wait_until("running")
        listed = shop.machine.run("deployments", "list").stdout

        message = "Local folder, 3 files (37 B)"
        assert (started_deployment["id"], "preview:main", None, message) == (
            ended["id"],
            ended["target"],
            ended["commit_sha"],
            ended["commit_message"],
        )
        assert message in listed

    def test_a_project_without_git_needs_no_option(self, ann: Machine) -> None:
        """The folder is uploaded without `--local`. Passing a branch is a usage error."""
        ann.run("projects", "create", "bare", "--repo", "archive:")
        (ann.folder / "index.html").write_text("Hello.")

        result = ann.run("deploy", "--project", "bare", "--detach")
        refused = ann.run("deploy", "-p", "bare", "--branch", "main", code=2)

        assert "Deploying this folder as bare to production." in result.stderr
        assert "bare has no Git repository" in refused.stderr

    def test_an_empty_folder_is_refused(self, ann: Machine) -> None:
        """The command fails before it uploads anything."""
        ann.run("projects", "create", "empty", "--repo", "archive:")

        refused = ann.run("deploy", "--local", "--project", "empty", code=1)

        assert "has no files to upload" in refused.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--preview", "--target", "production"), "--preview cannot be combined with --target."),
        (("--local", "--branch", "x"), "--local cannot be combined with"),
        (("--detach", "--wait-stable"), "--detach cannot be combined with --wait-stable."),
    ],
)
def test_options_that_exclude_each_other_are_wrong_usage(
    ann: Machine, project: str, options: tuple[str, ...], sentence: str
) -> None:
    """The combination is a usage error, and nothing is deployed."""
    refused = ann.run("deploy", *options, code=2)

    assert sentence in refused.stderr
    assert [] == ann.json("deployments", "list", "--project", project)["data"]


class TestWaitStable:
    """Tests `--wait-stable`, which also waits for the end of the rollback window."""

    @pytest.fixture(autouse=True)
    def _poll_quickly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pushpaka_http.cli.ui.deployment_follower._POLL_INTERVAL", 0.01)

    def test_a_version_that_breaks_in_its_window_exits_with_1(
        self, ann: Machine, server: Server
    ) -> None:
        """The output and the status show the reason and the active version."""
        shop = Shop.create(server, ann, "broken", "rollback_window=300")
        shop.machine.run("deploy")
        (first,) = shop.deployments()
        shop.commit("Break it")
        windows = []

        def crash_second_version() -> None:
            broken = shop.wait_until("running", number=2)
            windows.append(shop.ask("GET", f"/deployments/{broken['id']}/rollback-window"))
            server.call(server.crash_until_failed, broken["id"])

        with run_in_background(crash_second_version):
            ended = shop.machine.run("deploy", "--wait-stable", code=1)
        status = shop.machine.run("status").stdout
        with Client(server.url, token=shop.token) as client:
            newest, _ = shop.deployments()
            settled = client.deployments.wait_stable(newest["id"])

        windows.append(shop.ask("GET", f"/deployments/{newest['id']}/rollback-window"))
        cause = shop.timeline(newest["id"])[-1]["cause"]
        again = f"The active version is now {first['commit_sha'][:7]} Begin."
        (sentence,) = [line for line in ended.stderr.splitlines() if line.startswith(cause)]
        assert cause.startswith("Rolled back automatically: The web process ")
        assert "" == ended.stdout
        assert again == ended.stderr.splitlines()[-1]
        state, failure, *_ = status.splitlines()
        assert "broken is running." == state
        assert failure.startswith(f"{sentence} {again} See: pushpaka logs ")
        assert ("failed", "run") == (settled.status, settled.phase)
        assert [(True, first["id"]), (False, first["id"])] == [
            (window["is_open"], window["previous_deployment_id"]) for window in windows
        ]
        assert 0 == windows[1]["seconds_left"] < windows[0]["seconds_left"] <= 300

    def test_a_version_that_outlives_its_window_exits_with_0(
        self, ann: Machine, server: Server
    ) -> None:
        """The first version has no window, because there is no version to roll back to."""
        shop = Shop.create(server, ann, "outliving")

        def pass_the_rollback_window() -> None:
            id_ = shop.wait_until("running", number=2)["id"]
            with Client(server.url, token=shop.token) as client:
                with pytest.raises(DeploymentTimeoutError, match="still running"):
                    client.deployments.wait_stable(id_, seconds=0)
                server.clock.advance(31)
                assert "running" == client.deployments.wait_stable(id_).status

        first = shop.machine.run("deploy", "--wait-stable")
        with run_in_background(pass_the_rollback_window):
            second = shop.machine.run("redeploy", "--wait-stable")

        for ended in (first, second):
            assert f"{shop.url}\n" == ended.stdout
            assert ended.stderr.splitlines()[-2].endswith(" The rollback window is over.")

    def test_timeout_in_the_rollback_window_exits_with_1(
        self, ann: Machine, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After the timeout, the version can still be rolled back."""
        shop = Shop.create(server, ann, "impatient")
        shop.machine.run("deploy")
        scopes: list[CancelScope] = []

        def new_cancel_scope(_: float) -> CancelScope:
            scopes.append(CancelScope())
            return scopes[0]

        async def cancel_scope(_: float) -> None:
            scopes[0].cancel()
            await checkpoint()

        monkeypatch.setattr(started_deployment, "move_on_after", new_cancel_scope)
        monkeypatch.setattr(deployment_follower, "sleep", cancel_scope)

        ended = shop.machine.run("redeploy", "--wait-stable", "--timeout", "6", code=1)

        assert "is still open after 6 s" in ended.stderr
