"""Projects: made, shown, changed and deleted, and which one is meant."""

import json

import httpx
import pytest
from tests.cli.client.desks import Desk, Place

from pushpaka_core.adapters.memory.source import MemoryCommit
from pushpaka_http.cli.client.git_remotes import current_branch

REPO = "https://git.example.com/ann/{}.git"


def create(desk: Desk, name: str, *settings: str) -> str:
    """Make a project with a repository of its own, and return its id."""
    made = desk.json(
        "projects", "create", name, "--repo", REPO.format(name.lower().replace(" ", "-")), *settings
    )
    return str(made["id"])


def test_a_project_is_made_with_its_settings(ann: Desk) -> None:
    """Those that are given are the API's, of their own types; the rest is left to it."""
    settings = ("port=8080", "cpu_limit=0.5", "auto_deploy=no", "root_dir=apps/web", "branch=dev")

    made = ann.json("projects", "create", "garden", "--repo", REPO.format("garden"), *settings)

    wanted = {
        "port": 8080,
        "cpu_limit": 0.5,
        "auto_deploy": False,
        "root_dir": "apps/web",
        "branch": "dev",
        "replicas": 1,
    }
    assert wanted == {name: made[name] for name in wanted}


def test_projects_are_listed(ann: Desk) -> None:
    """In columns for people; as the API's object for programs."""
    project_id = create(ann, "listed")

    table = ann.run("projects", "list").stdout.splitlines()
    listed = ann.json("projects", "list")

    assert ["NAME", "STATUS", "ADDRESS", "BRANCH", "REPOSITORY", "ROLE"] == table[0].split()
    assert any(line.split()[:2] == ["listed", "inactive"] for line in table)
    assert ["data"] == list(listed)
    assert project_id in [project["id"] for project in listed["data"]]


def test_json_is_what_the_api_sends(ann: Desk, place: Place) -> None:
    """To the letter: fields, their order, and how times look."""
    project_id = create(ann, "letter")
    token = json.loads(ann.context_file.read_text())["by_name"][f"127.0.0.1:{place.port}"]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    sent = httpx.get(f"{place.url}/api/v1/projects/{project_id}", headers=headers, trust_env=False)

    printed = ann.run("projects", "show", "letter", "--json").stdout

    assert json.dumps(sent.json()) == json.dumps(json.loads(printed))


def test_settings_are_changed_and_taken_back(ann: Desk) -> None:
    """What is empty is taken back, and what is not named stays as it is."""
    create(ann, "changed", "port=8080", "start_command=python app.py")

    ann.run(
        "projects", "set", "-p", "changed", "port=", "replicas=2", "git_token=-", input="s3cret\n"
    )

    project = ann.json("projects", "show", "changed")
    assert (3000, 2, "python app.py") == (
        project["port"],
        project["replicas"],
        project["start_command"],
    )
    assert project["has_git_token"]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("prt=1", 'There is no setting "prt". Did you mean "port"?'),
        ("port=many", "port must be a whole number."),
        ("auto_deploy=perhaps", "auto_deploy must be true or false."),
        ("port", '"port" is not of the form NAME=VALUE.'),
        ("git_token=@missing", "missing cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_is_told(ann: Desk, setting: str, sentence: str) -> None:
    """Before the server is asked, with exit code 2."""
    assert sentence in ann.run("projects", "set", setting, code=2).stderr


def test_what_the_server_refuses_is_told_by_field(ann: Desk) -> None:
    """With exit code 1."""
    create(ann, "ruled")

    refused = ann.run("projects", "set", "-p", "ruled", "port=0", "branch=..", code=1)

    fields = [line.split(":")[0].strip() for line in refused.stderr.splitlines()[1:]]
    assert ["branch", "port"] == sorted(fields)


def test_a_project_is_deleted_by_whoever_types_its_name(ann: Desk) -> None:
    """Without a terminal nobody is asked: then only --yes deletes."""
    create(ann, "doomed")

    unasked = ann.run("projects", "delete", "doomed", code=2)
    ann.run("projects", "delete", "doomed", "--yes")

    assert "Use --yes." in unasked.stderr
    assert 'no project "doomed"' in ann.run("projects", "show", "doomed", code=1).stderr


@pytest.mark.parametrize(("typed", "code"), [("asked", 0), ("other", 1)])
def test_at_a_terminal_the_name_is_asked_for(
    ann: Desk, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    """Another name deletes nothing."""
    create(ann, "asked")
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)

    ended = ann.run("projects", "delete", "asked", input=f"{typed}\n", code=code)

    left = [project["name"] for project in ann.json("projects", "list")["data"]]
    assert ("asked" in left) is bool(code)
    assert "type its name" in ended.stderr
    if code:
        ann.run("projects", "delete", "asked", "--yes")


def test_a_project_is_named_by_id_slug_or_name(ann: Desk) -> None:
    """And one that is misspelt is guessed."""
    project_id = create(ann, "Named One")

    for name in (project_id, "named-one", "Named One"):
        assert project_id == ann.json("projects", "show", name)["id"]
    typo = ann.run("projects", "show", "named-on", code=1)
    assert 'Did you mean "named-one"?' in typo.stderr


@pytest.mark.parametrize(
    "remote",
    [
        "https://git.example.com/ann/cloned.git",
        "git@git.example.com:ann/cloned.git",
        "ssh://git@git.example.com:2222/ann/cloned",
    ],
)
def test_the_project_of_a_clone_is_meant(ann: Desk, remote: str) -> None:
    """Whatever form the address of its remote has."""
    if not any(each["name"] == "cloned" for each in ann.json("projects", "list")["data"]):
        create(ann, "cloned")
    ann.clone(remote)

    assert "cloned" == ann.json("projects", "show")["name"]


def test_a_folder_without_a_project_is_told_what_to_do(ann: Desk) -> None:
    """Make one, or name one."""
    refused = ann.run("projects", "show", code=1)

    assert "pushpaka init" in refused.stderr
    assert "--project" in refused.stderr


def test_several_projects_of_one_repository_are_told(ann: Desk) -> None:
    """Nobody guesses which one is meant."""
    for name in ("front", "back"):
        ann.run("projects", "create", name, "--repo", REPO.format("both"))
    ann.clone(REPO.format("both"))

    refused = ann.run("projects", "show", code=1)
    ann.run("init", "--project", "back")

    assert "Several projects" in refused.stderr
    assert "back" == ann.json("projects", "show")["name"]


def test_the_address_is_printed_where_no_browser_is(ann: Desk) -> None:
    """That of the application, or its page in the dashboard."""
    project_id = create(ann, "visited")

    address = ann.run("open", "--project", "visited").stdout
    page = ann.run("open", "--project", "visited", "--dashboard").stdout

    assert address == f"{ann.json('projects', 'show', 'visited')['url']}\n"
    assert page.endswith(f"/projects/{project_id}\n")


def test_the_project_of_a_further_working_tree_is_meant(ann: Desk) -> None:
    """Git keeps what it knows of the remotes elsewhere then."""
    create(ann, "treed")
    ann.clone(REPO.format("treed"))
    own = ann.folder / ".git" / "worktrees" / "next"
    own.mkdir(parents=True)
    (own / "commondir").write_text("../..\n")
    (own / "HEAD").write_text("ref: refs/heads/next\n")
    tree = ann.folder / "next"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {own}\n")

    assert "treed" == Desk(home=ann.home, folder=tree).json("projects", "show")["name"]
    assert "next" == current_branch(tree)


class TestInit:
    """Linking a folder to its project."""

    def test_it_makes_the_project_of_the_repository(self, ann: Desk) -> None:
        """Named after it, with the branch that is checked out, and links the folder."""
        ann.clone("git@git.example.com:ann/fresh.git", branch="trunk")

        made = ann.run("init")

        project = ann.json("projects", "show")
        assert ("fresh", "git@git.example.com:ann/fresh.git", "trunk") == (
            project["name"],
            project["repo_url"],
            project["branch"],
        )
        assert "Next: pushpaka deploy-key create" in made.stderr

    def test_it_finds_the_project_that_there_is(self, ann: Desk) -> None:
        """A second time, or on another machine, nothing is made."""
        project_id = create(ann, "known")
        ann.clone("https://me:secret@git.example.com/ann/known")

        assert project_id == ann.json("init")["id"]
        assert project_id == ann.json("init")["id"]

    def test_a_password_in_the_address_of_a_remote_is_not_sent(self, ann: Desk) -> None:
        """It is this machine's alone."""
        ann.clone("https://me:p@ss@git.example.com/ann/secret.git")

        assert "https://git.example.com/ann/secret.git" == ann.json("init")["repo_url"]

    def test_a_folder_below_is_a_project_of_its_own_directory(self, ann: Desk) -> None:
        """A repository of several applications has one for each."""
        ann.clone("https://git.example.com/ann/mono.git")
        inner = ann.folder / "apps" / "web"
        inner.mkdir(parents=True)

        made = Desk(home=ann.home, folder=inner).json("init", "--name", "web")

        again = ann.json("init", "--name", "all")
        other = ann.folder / "apps" / "api"
        other.mkdir()
        unclear = Desk(home=ann.home, folder=other).run("init", code=1)

        assert ("web", "apps/web") == (made["name"], made["root_dir"])
        assert ("all", None) == (again["name"], again["root_dir"])
        assert made["id"] == Desk(home=ann.home, folder=inner).json("init")["id"]
        assert "web (apps/web)" in unclear.stderr
        assert "--name" in unclear.stderr

    def test_the_link_is_found_from_below_and_passed_over_by_git(self, ann: Desk) -> None:
        """It is of this machine."""
        project_id = create(ann, "linked")
        ann.clone("https://git.example.com/somebody/else.git")
        ann.run("init", "--project", "linked")
        inner = ann.folder / "src"
        inner.mkdir()

        assert project_id == Desk(home=ann.home, folder=inner).json("projects", "show")["id"]
        assert "*\n" == (ann.folder / ".pushpaka" / ".gitignore").read_text()

    @pytest.mark.parametrize("linked", [".pushpaka", ".pushpaka/project.json"])
    def test_nothing_is_written_through_links_of_a_folder(self, ann: Desk, linked: str) -> None:
        """Who made the repository would choose which file of this machine is lost."""
        project_id = create(ann, f"through{len(linked)}")
        other = ann.folder / "other"
        other.mkdir()
        for name in ("project.json", ".gitignore"):
            (other / name).write_text("precious")
        folder = ann.folder / "clone"
        place = folder / linked
        place.parent.mkdir(parents=True)
        place.symlink_to(other if linked == ".pushpaka" else other / "project.json")

        code = 1 if linked == ".pushpaka" else 0
        desk = Desk(home=ann.home, folder=folder)
        desk.run("init", "--project", project_id, code=code)

        kept = {path.name: path.read_text() for path in other.iterdir()}
        assert {"project.json": "precious", ".gitignore": "precious"} == kept

    def test_a_folder_that_is_no_clone_is_told(self, ann: Desk) -> None:
        """With what to do."""
        told = ann.run("init", code=1).stderr
        assert "git remote add origin" in told
        assert "pushpaka init --local" in told

    def test_a_folder_without_git_gets_a_project_of_its_own(self, ann: Desk) -> None:
        """It is called as the folder is, and what lies in the folder is deployed."""
        folder = ann.folder / "meadow"
        folder.mkdir()
        desk = Desk(home=ann.home, folder=folder)

        made = desk.run("init", "--local")

        project = desk.json("projects", "show")
        assert ("meadow", "archive:") == (project["name"], project["repo_url"])
        assert "Next: pushpaka deploy --local\n" in made.stderr

    def test_a_folder_called_like_a_project_is_told_what_to_do(self, ann: Desk) -> None:
        """It may be that project's, or have one by another name."""
        folder = ann.folder / "orchard"
        folder.mkdir()
        desk = Desk(home=ann.home, folder=folder)
        without = desk.run("deploy", "--local", code=1)
        desk.run("init", "--local")

        again = desk.run("init", "--local", code=1)

        assert "pushpaka init --local" in without.stderr
        assert '--project "orchard"' in again.stderr
        assert "--name" in again.stderr

    def test_it_tells_what_a_deployment_would_do(self, ann: Desk, place: Place) -> None:
        """As the server sees the repository."""
        url = "https://git.example.com/ann/static.git"
        commit = MemoryCommit(sha="b" * 40, files={"index.html": "Hello."})
        place.instance.world.source.repositories[url] = {"main": [commit]}
        ann.clone(url)

        told = ann.run("init").stderr

        assert "Framework  static" in told
        assert "Next: pushpaka deploy\n" in told
