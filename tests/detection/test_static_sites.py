"""Which files are served without a program."""

import pytest

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import ArtifactKind, BuildPlan, Evidence, StaticSite
from pushpaka_core.errors import DetectionError


def plan_of(*paths: str, staticfile: str | None = None, framework: str | None = None) -> BuildPlan:
    files = dict.fromkeys(paths, "text")
    told = {} if staticfile is None else {"Staticfile": staticfile}
    return detect(MemoryTree({**files, **told}), Wishes(framework=framework))


@pytest.mark.parametrize(
    ("paths", "directory"),
    [
        (["index.html", "public/index.html"], "."),
        (["public/index.html"], "public"),
        (["dist/index.html", "README.md"], "dist"),
        (["_site/index.html"], "_site"),
        (["docs/index.html", "docs/CNAME", "README.md"], "docs"),
        (["website/index.html", "src/index.html"], "website"),
    ],
)
def test_directory_with_an_index_is_served(paths: list[str], directory: str) -> None:
    """The root comes first, then the usual directories."""
    plan = plan_of(*paths)

    assert ArtifactKind.STATIC is plan.kind
    assert StaticSite(directory=directory) == plan.static
    assert {} == plan.processes
    assert plan.install is None


def test_page_of_a_project_that_is_built_is_no_site() -> None:
    """What a bundler makes of it would have to be served."""
    paths = ("web/index.html", "web/package.json", "api/go.mod")

    with pytest.raises(DetectionError, match="may be an application in api, web: set root_dir"):
        plan_of(*paths)


def test_own_404_page_is_used() -> None:
    """A 404.html beside the index.html answers where no file fits."""
    plan = plan_of("public/index.html", "public/404.html")

    assert StaticSite(directory="public", not_found="404.html") == plan.static


def test_staticfile_names_the_directory() -> None:
    """Its word beats what would be found, an application of another language included."""
    files = ("index.html", "site/a.html", "requirements.txt", "main.py")

    plan = plan_of(*files, staticfile="# ours\nroot: site/\n")

    assert StaticSite(directory="site") == plan.static
    assert Evidence(reason="it serves site", path="Staticfile", line=2) in plan.evidence
    assert ["python", "static"] >= sorted({one.framework for one in plan.rejected})


def test_pushstate_makes_a_single_page_application() -> None:
    """Each address that is no file is answered by index.html."""
    plan = plan_of("index.html", "404.html", staticfile="pushstate: enabled")

    assert StaticSite(directory=".", fallback="index.html") == plan.static


def test_empty_staticfile_serves_what_is_found() -> None:
    """An empty Staticfile only says that the site is static."""
    assert StaticSite(directory="public") == plan_of("public/index.html", staticfile="").static


def test_unknown_line_of_a_staticfile_is_said() -> None:
    """A line without meaning is not lost silently."""
    plan = plan_of("index.html", staticfile="ssi: enabled")

    reason = "the line has no meaning here and is passed over"
    assert Evidence(reason=reason, path="Staticfile", line=1) in plan.evidence


@pytest.mark.parametrize(
    ("staticfile", "message"),
    [
        ("root: ../secrets", "Line 1 of the Staticfile must name a directory inside"),
        ("\nroot: /etc", "Line 2 of the Staticfile must name a directory inside"),
        ("root: missing", "names a directory that does not exist or is empty"),
        ("pushstate: maybe", "must be `pushstate: enabled`"),
    ],
)
def test_bad_staticfile_is_told(staticfile: str, message: str) -> None:
    """The message holds the line."""
    with pytest.raises(DetectionError, match=message):
        plan_of("index.html", staticfile=staticfile)


def test_site_that_is_built_by_something_unknown_is_not_guessed_to_be_static() -> None:
    """Its index.html may be a source file, so the owner is asked to say so."""
    files = {"index.html": "", "package.json": '{"scripts": {"build": "gulp"}}'}

    with pytest.raises(DetectionError, match=r"has a script build.*set framework to static"):
        detect(MemoryTree(files), Wishes())


def test_site_with_tools_beside_it_is_served() -> None:
    """A package.json without a build, for linters and the like, makes no difference."""
    files = {"index.html": "", "package.json": '{"devDependencies": {"prettier": "3"}}'}

    plan = detect(MemoryTree(files), Wishes())

    assert StaticSite(directory=".") == plan.static
    assert ("static", None) == (plan.language, plan.install)


def test_chosen_static_serves_the_files_as_they_are() -> None:
    """The owner's word is enough."""
    plan = plan_of("index.html", "package.json", framework="html")

    assert StaticSite(directory=".") == plan.static


def test_chosen_static_without_an_index_is_told() -> None:
    """The message names the places that were looked at."""
    with pytest.raises(DetectionError, match=r"no index.html \(looked for index.html, public/"):
        plan_of("about.html", framework="static")


def test_directory_of_a_staticfile_may_be_built() -> None:
    """Where package.json has a script build, the directory need not be there before."""
    files = {
        "Staticfile": "root: dist\npushstate: enabled",
        "package.json": '{"dependencies": {"gulp": "5"}, "scripts": {"build": "gulp"}}',
    }

    plan = detect(MemoryTree(files), Wishes())

    assert StaticSite(directory="dist", fallback="index.html") == plan.static
    assert ("node", ["npm run build"]) == (plan.language, [step.command for step in plan.build])
