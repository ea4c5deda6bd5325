"""Tests `pushpaka projects`, `init` and `open`, and how commands choose a project."""

import json
import re

import httpx
import pytest
from tests.cli.commands.machines import Machine, Server, repo_url

from pushpaka_http.cli.folder.git_remotes import current_branch


class TestProjects:
    """Tests the commands that create, list, show, change and delete projects."""

    def test_settings_are_sent_with_their_types(self, ann: Machine) -> None:
        """For settings that are omitted, the API uses its defaults."""
        wanted = {
            "health_check": "tcp",
            "rollback_window": 0,
            "port": 8080,
            "cpu_limit": 0.5,
            "auto_deploy": False,
            "root_dir": "apps/web",
            "branch": "dev",
        }
        settings = [f"{name}={value}" for name, value in wanted.items()]

        made = ann.json("projects", "create", "garden", "--repo", repo_url("garden"), *settings)

        assert {**wanted, "replicas": 1}.items() <= made.items()

    def test_projects_are_listed_in_columns(self, ann: Machine) -> None:
        """`--json` prints the list that the API returns."""
        project_id = ann.create("listed")

        table = ann.run("projects", "list").stdout.splitlines()
        listed = ann.json("projects", "list")

        assert ["NAME", "STATUS", "URL", "BRANCH", "REPOSITORY", "ROLE"] == table[0].split()
        assert any(line.split()[:2] == ["listed", "inactive"] for line in table)
        assert ["data"] == list(listed)
        assert project_id in [project["id"] for project in listed["data"]]

    def test_a_project_without_git_is_listed_with_a_local_folder(self, ann: Machine) -> None:
        """Tables do not show the `repo_url` "archive:", which has a meaning only in the API."""
        ann.run("projects", "create", "allotment", "--repo", "archive:")

        table = ann.run("projects", "list").stdout.splitlines()
        fields = ann.run("projects", "show", "allotment").stdout

        row = next(line for line in table if line.startswith("allotment "))
        assert "  local folder  " in row
        assert re.search("^Repository +local folder$", fields, re.MULTILINE)

    def test_json_output_has_the_format_of_the_api(self, ann: Machine, server: Server) -> None:
        """The fields, their order and the format of times are the same."""
        project_id = ann.create("letter")
        contexts = json.loads(ann.context_file.read_text())["by_name"]
        token = contexts[f"127.0.0.1:{server.port}"]["token"]
        url = f"{server.url}/api/v1/projects/{project_id}"
        headers = {"Authorization": f"Bearer {token}"}
        sent = httpx.get(url, headers=headers, trust_env=False)

        printed = ann.run("projects", "show", "letter", "--json").stdout

        assert json.dumps(sent.json()) == json.dumps(json.loads(printed))

    def test_settings_are_changed_and_reset(self, ann: Machine) -> None:
        """An empty value resets a setting. Omitted settings keep their values."""
        ann.create("changed", "port=8080", "start_command=python app.py")

        words = ("projects", "set", "-p", "changed", "port=", "replicas=2", "git_token=-")
        ann.run(*words, input="s3cret\n")

        project = ann.json("projects", "show", "changed")
        changed = [project[name] for name in ("port", "replicas", "start_command")]
        assert [3000, 2, "python app.py"] == changed
        assert project["has_git_token"]

    @pytest.mark.parametrize(
        ("name", "settings", "check", "window"),
        [
            ("default", (), "http /, within 60 s", "30 s"),
            ("own", ("health_check_path=/up", "rollback_window=0"), "http /up, within 60 s", "off"),
            ("none", ("health_check=none", "health_check_timeout=5"), "none, within 5 s", "30 s"),
        ],
    )
    def test_the_health_check_is_shown(
        self, ann: Machine, name: str, settings: tuple[str, ...], check: str, window: str
    ) -> None:
        """The path, if any, the timeout and the rollback window are shown."""
        ann.create(name, *settings)

        shown = ann.run("projects", "show", name).stdout

        assert check in shown
        assert re.search(rf"Rollback window:? +{window}$", shown, re.MULTILINE)

    @pytest.mark.parametrize(
        ("setting", "sentence"),
        [
            ("prt=1", 'There is no setting "prt". Did you mean "port"?'),
            ("port=many", "port must be a whole number."),
            ("health_check=ftp", "health_check must be one of http, tcp, none."),
            ("auto_deploy=perhaps", "auto_deploy must be true or false."),
            ("port", '"port" does not have the form NAME=VALUE.'),
            ("git_token=@missing", "missing cannot be read"),
        ],
    )
    def test_an_invalid_setting_is_a_usage_error(
        self, ann: Machine, setting: str, sentence: str
    ) -> None:
        """The command reports the mistake without sending a request."""
        assert sentence in ann.run("projects", "set", setting, code=2).stderr

    def test_server_errors_name_the_fields(self, ann: Machine) -> None:
        """Each field is the subject of a sentence. `--json` prints the error of the API."""
        ann.create("ruled")

        words = ("projects", "set", "-p", "ruled", "port=0", "branch=..")
        refused = ann.run(*words, code=1)
        document = json.loads(ann.run(*words, "--json", code=1).stderr)

        branch, port = sorted(refused.stderr.splitlines())
        assert 'Error: branch must not contain ".." or end with ".".' == branch
        assert "Error: port must be from 1 to 65535." == port
        assert {"branch", "port"} == {each["field"] for each in document["details"]}

    def test_deletion_without_a_terminal_requires_yes(self, ann: Machine) -> None:
        """Without a terminal, the command cannot ask for a confirmation."""
        ann.create("doomed")

        unasked = ann.run("projects", "delete", "doomed", code=2)
        ann.run("projects", "delete", "doomed", "--yes")

        assert "Use --yes" in unasked.stderr
        assert 'no project "doomed"' in ann.run("projects", "show", "doomed", code=1).stderr

    @pytest.mark.usefixtures("at_a_terminal")
    def test_deletion_at_a_terminal_prompts_for_the_project_name(self, ann: Machine) -> None:
        """If the user types another name, nothing is deleted."""
        ann.create("asked")

        for typed, code in (("other", 1), ("asked", 0)):
            ended = ann.run("projects", "delete", "asked", input=f"{typed}\n", code=code)

            left = [project["name"] for project in ann.json("projects", "list")["data"]]
            assert "Type the name" in ended.stderr
            assert ("asked" in left) is (typed == "other")


class TestProjectOfCommand:
    """Tests how a command finds its project: by `--project`, by a link, or by a clone's remotes."""

    def test_a_project_can_be_named_by_id_slug_or_name(self, ann: Machine) -> None:
        """For an unknown name, the most similar name is suggested."""
        project_id = ann.create("Named One")

        for name in (project_id, "named-one", "Named One"):
            assert project_id == ann.json("projects", "show", name)["id"]
        typo = ann.run("projects", "show", "named-on", code=1)
        assert 'Did you mean "named-one"?' in typo.stderr

    def test_a_project_can_be_an_argument_or_an_option(self, ann: Machine, project: str) -> None:
        """Each takes precedence over the project of the folder. Using both is a usage error."""
        picked = ann.create("picked")

        shown = [
            ann.json(*words)
            for words in (
                ("projects", "show", "--app", "picked"),
                ("projects", "show", "-a", "picked"),
                ("open", "picked"),
            )
        ]
        status = ann.json("status", "picked")
        both = ann.run("status", "picked", "--project", "picked", code=2)

        assert [picked] * 4 == [each["id"] for each in (*shown, status["project"])]
        assert project == ann.json("status")["project"]["id"]
        assert "PROJECT cannot be combined with --project." in both.stderr

    def test_the_environment_can_name_a_project(self, ann: Machine, project: str) -> None:
        """PUSHPAKA_PROJECT takes precedence over the folder, and the command line over both."""
        ann.create("from-env")
        env = {"PUSHPAKA_PROJECT": "from-env"}

        shown = ann.json("projects", "show", env=env)
        named = ann.json("projects", "show", project, env=env)
        missing = ann.run("status", env={"PUSHPAKA_PROJECT": "nowhere"}, code=1)

        assert ("from-env", project) == (shown["name"], named["id"])
        assert (
            'Error: There is no project "nowhere". Check its spelling. '
            "The name comes from PUSHPAKA_PROJECT.\n" == missing.stderr
        )

    def test_the_project_of_a_clone_is_found_by_its_remote(self, ann: Machine) -> None:
        """The remote's URL can have any form, such as https:// or git@host:path."""
        ann.create("cloned")

        for number, remote in enumerate(
            (
                "https://git.example.com/ann/cloned.git",
                "git@git.example.com:ann/cloned.git",
                "ssh://git@git.example.com:2222/ann/cloned",
            )
        ):
            clone = ann.subfolder(f"clone{number}")
            clone.mark_as_clone(remote)
            assert "cloned" == clone.json("projects", "show")["name"]

    def test_the_project_of_an_additional_working_tree_is_found(self, ann: Machine) -> None:
        """Git stores the remotes only in the main working tree."""
        ann.create("treed")
        ann.mark_as_clone(repo_url("treed"))
        own = ann.folder / ".git" / "worktrees" / "next"
        own.mkdir(parents=True)
        (own / "commondir").write_text("../..\n")
        (own / "HEAD").write_text("ref: refs/heads/next\n")
        tree = ann.subfolder("next")
        (tree.folder / ".git").write_text(f"gitdir: {own}\n")

        assert "treed" == tree.json("projects", "show")["name"]
        assert "next" == current_branch(tree.folder)

    def test_a_folder_without_a_project_is_refused(self, ann: Machine) -> None:
        """The message explains how to create or name a project."""
        refused = ann.run("projects", "show", code=1)

        assert "pushpaka init" in refused.stderr
        assert "--project" in refused.stderr

    def test_the_project_must_be_named_if_a_repository_has_several(self, ann: Machine) -> None:
        """Alternatively, `init --project` links the folder to one of them."""
        for name in ("front", "back"):
            ann.run("projects", "create", name, "--repo", repo_url("both"))
        ann.mark_as_clone(repo_url("both"))

        refused = ann.run("projects", "show", code=1)
        ann.run("init", "--project", "back")

        assert "Several projects" in refused.stderr
        assert "back" == ann.json("projects", "show")["name"]


class TestOpen:
    """Tests `pushpaka open`, which shows an application or its dashboard page."""

    def test_the_address_is_printed_without_a_browser(self, ann: Machine) -> None:
        """With `--dashboard`, the output is the URL of the project's dashboard page."""
        project_id = ann.create("visited")

        address = ann.run("open", "--project", "visited").stdout
        page = ann.run("open", "--project", "visited", "--dashboard").stdout

        assert address == f"{ann.json('projects', 'show', 'visited')['url']}\n"
        assert page.endswith(f"/projects/{project_id}\n")

    @pytest.mark.usefixtures("at_a_terminal")
    def test_a_browser_is_opened_at_a_terminal(
        self, ann: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With `--json`, the project is printed instead."""
        opened: list[str] = []
        monkeypatch.setattr("webbrowser.open", opened.append)
        ann.create("opened")

        ann.run("open", "--project", "opened", "--json")
        assert [] == opened
        ann.run("open", "--project", "opened")
        assert [ann.json("projects", "show", "opened")["url"]] == opened


class TestInit:
    """Tests `pushpaka init`, which links a folder to its project."""

    def test_init_creates_the_project_of_the_repository(self, ann: Machine) -> None:
        """The project gets the name of the repository and the checked-out branch."""
        ann.mark_as_clone("git@git.example.com:ann/fresh.git", branch="trunk")

        made = ann.run("init")

        project = ann.json("projects", "show")
        assert ["fresh", "git@git.example.com:ann/fresh.git", "trunk"] == [
            project[name] for name in ("name", "repo_url", "branch")
        ]
        assert "Next: pushpaka deploy-key create" in made.stderr

    def test_init_finds_an_existing_project(self, ann: Machine) -> None:
        """If the command runs again, or on another machine, it creates nothing."""
        project_id = ann.create("known")
        ann.mark_as_clone("https://me:secret@git.example.com/ann/known")

        assert [project_id] * 2 == [ann.json("init")["id"] for _ in range(2)]

    def test_a_password_in_the_address_of_a_remote_is_not_sent(self, ann: Machine) -> None:
        """The server gets the URL of the remote without the password."""
        ann.mark_as_clone("https://me:p@ss@git.example.com/ann/secret.git")

        assert "https://git.example.com/ann/secret.git" == ann.json("init")["repo_url"]

    def test_subfolder_gets_its_own_project(self, ann: Machine) -> None:
        """A repository with several applications has one project for each of them."""
        ann.mark_as_clone("https://git.example.com/ann/mono.git")
        web = ann.subfolder("apps/web")

        made = web.json("init", "--name", "web")
        again = ann.json("init", "--name", "all")
        unclear = ann.subfolder("apps/api").run("init", code=1)

        assert ("web", "apps/web") == (made["name"], made["root_dir"])
        assert ("all", None) == (again["name"], again["root_dir"])
        assert made["id"] == web.json("init")["id"]
        assert "web (apps/web)" in unclear.stderr
        assert "--name" in unclear.stderr

    def test_the_link_applies_to_subfolders_and_is_ignored_by_git(self, ann: Machine) -> None:
        """The link belongs to this machine and is not committed."""
        project_id = ann.create("linked")
        ann.mark_as_clone("https://git.example.com/somebody/else.git")
        ann.run("init", "--project", "linked")

        assert project_id == ann.subfolder("src").json("projects", "show")["id"]
        assert "*\n" == (ann.folder / ".pushpaka" / ".gitignore").read_text()

    @pytest.mark.parametrize(
        ("link_path", "target", "code"),
        [(".pushpaka", ".", 1), (".pushpaka/project.json", "project.json", 0)],
    )
    def test_nothing_is_written_through_symbolic_links(
        self, ann: Machine, link_path: str, target: str, code: int
    ) -> None:
        """A repository cannot choose a file on this machine to overwrite."""
        project_id = ann.create(f"through{code}")
        other, clone = ann.subfolder("other").folder, ann.subfolder("clone")
        for name in ("project.json", ".gitignore"):
            (other / name).write_text("precious")
        link = clone.folder / link_path
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(other / target)

        clone.run("init", "--project", project_id, code=code)

        kept = {path.name: path.read_text() for path in other.iterdir()}
        assert {"project.json": "precious", ".gitignore": "precious"} == kept

    def test_folder_that_is_not_a_clone_is_rejected(self, ann: Machine) -> None:
        """The message explains how to add a remote, and how to deploy without one."""
        errors = ann.run("init", code=1).stderr

        assert (
            "Error: This folder has no Git remote. Add it with `git remote add origin URL` (an "
            "https:// or ssh:// URL), link a project with --project, or upload this folder "
            "instead: pushpaka init --local\n"
        ) == errors

    def test_remote_that_the_server_rejects_is_named(self, ann: Machine) -> None:
        """The message names the remote and its URL, and what to do instead."""
        ann.mark_as_clone("/srv/git/shop.git")

        errors = ann.run("init", code=1).stderr

        assert errors.startswith(
            'Error: The Git remote "origin" has the URL /srv/git/shop.git, but it must be '
        )
        assert "--remote" in errors
        assert "pushpaka init --local" in errors

    def test_folder_without_git_gets_its_own_project(self, ann: Machine) -> None:
        """The project gets the name of the folder. A name that is in use is refused."""
        folder = ann.subfolder("meadow")

        without = folder.run("deploy", "--local", code=1)
        made = folder.run("init", "--local")
        again = folder.run("init", "--local", code=1)

        project = folder.json("projects", "show")
        assert "pushpaka init --local" in without.stderr
        assert "Created and linked the project meadow. It deploys this folder.\n" == made.stdout
        assert ("meadow", "archive:") == (project["name"], project["repo_url"])
        assert "Next: pushpaka deploy --local\n" in made.stderr
        assert '--project "meadow"' in again.stderr
        assert "--name" in again.stderr

    def test_init_shows_the_plan_of_a_deployment(self, ann: Machine, server: Server) -> None:
        """The server computes the plan from the repository."""
        server.commit(repo_url("static"), "b" * 40)
        ann.mark_as_clone(repo_url("static"))

        errors = ann.run("init").stderr

        assert "Framework  static" in errors
        assert "Next: pushpaka deploy\n" in errors
