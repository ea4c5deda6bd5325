"""What a repository says of its own Dockerfile, and how it is told what is wrong with that."""

import pytest

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import OwnDockerfile, Packaging, Rejected, StaticSite
from pushpaka_core.errors import DetectionError

IMAGE = Wishes(packaging=Packaging.IMAGE)
FLASK = {"requirements.txt": "flask\n", "app.py": "import flask\napp = flask.Flask('a')\n"}
FILES = FLASK | {"deploy/app.dockerfile": "FROM scratch\nEXPOSE 9000\n", "Dockerfile": "FROM x"}


def _tree(docker: str, **files: str) -> MemoryTree:
    return MemoryTree(FILES | {"pushpaka.toml": docker} | files)


@pytest.mark.parametrize(
    ("said", "own"),
    [
        (
            'file = "deploy/app.dockerfile"\ntarget = "release"\ncontext = "deploy"',
            OwnDockerfile(path="deploy/app.dockerfile", target="release", context="deploy"),
        ),
        ('file = "deploy/app.dockerfile"', OwnDockerfile(path="deploy/app.dockerfile")),
        ('target = "release"', OwnDockerfile(target="release")),
        ('context = "."', OwnDockerfile(context=".")),
        ("", OwnDockerfile()),
    ],
)
def test_dockerfile_stage_and_context_are_named(said: str, own: OwnDockerfile) -> None:
    """Each of them may be left out."""
    plan = detect(_tree(f"[docker]\n{said}\n"), IMAGE)

    assert ("dockerfile", own) == (plan.framework, plan.dockerfile)


def test_port_is_that_of_the_named_dockerfile() -> None:
    """What it exposes is where it listens, unless somebody says otherwise."""
    exposed = detect(_tree('[docker]\nfile = "deploy/app.dockerfile"\n'), IMAGE)
    said = detect(_tree('port = 80\n[docker]\nfile = "deploy/app.dockerfile"\n'), IMAGE)

    assert (9000, 80) == (exposed.settings.port, said.settings.port)


def test_they_are_those_of_the_application_in_its_directory() -> None:
    """Its context may be the repository, which lies above it."""
    inner = {f"apps/web/{path}": text for path, text in FILES.items()}
    said = '[docker]\nfile = "deploy/app.dockerfile"\ncontext = "../.."\n'
    wishes = Wishes(packaging=Packaging.IMAGE, root_dir="apps/web")

    plan = detect(MemoryTree(inner | {"apps/web/pushpaka.toml": said}), wishes)

    assert ("apps/web", "../..") == (plan.directory, plan.dockerfile and plan.dockerfile.context)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("file = 3", "Line 2, column 8: `docker.file` must be a text."),
        ('file = "/etc/passwd"', "Line 2, column 8: `docker.file` must be relative"),
        ('file = "../Dockerfile"', "Line 2, column 8: `docker.file` must not have parts"),
        ('target = "a b"', "Line 2, column 10: `docker.target` must be the name of a stage"),
        ('context = "/"', "Line 2, column 11: `docker.context` must be relative"),
        ('context = ""', "Line 2, column 11: `docker.context` must"),
        (
            'dockerfile = "x"',
            "`docker.dockerfile` is not a known key (did you mean `docker.file`?)",
        ),
        ('args = "x"', "Line 2, column 1: `docker.args` is not a known key"),
    ],
)
def test_mistakes_have_their_places(said: str, sentence: str) -> None:
    """With both runtimes, as the file is read before anything is decided."""
    for wishes in (IMAGE, Wishes()):
        with pytest.raises(DetectionError) as refusal:
            detect(_tree(f"[docker]\n{said}\n"), wishes)

        assert sentence in str(refusal.value)


@pytest.mark.parametrize("said", ['file = "deploy/Dockerfile"', 'target = "release"'])
def test_a_dockerfile_that_is_not_there_is_not_passed_over(said: str) -> None:
    """A typo must not lead to an image that is made of something else."""
    files = FLASK | {"pushpaka.toml": f"[docker]\n{said}\n"}

    with pytest.raises(DetectionError, match=r"there is no (deploy/)?Dockerfile\. Check its"):
        detect(MemoryTree(files), IMAGE)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ('framework = "flask"', "`docker.target` is never used with the framework flask: keep one"),
        ('static.directory = "site"', "`docker.target` builds no files to serve as they are: keep"),
    ],
)
def test_what_is_never_used_is_told(other: str, sentence: str) -> None:
    """Beside another way to build that is named in the same file."""
    with pytest.raises(DetectionError) as refusal:
        detect(_tree(f'{other}\n[docker]\ntarget = "release"\n'), IMAGE)

    assert sentence in str(refusal.value)


@pytest.mark.parametrize("framework", ["auto", "docker", "dockerfile"])
def test_frameworks_that_mean_a_dockerfile_stand_beside_it(framework: str) -> None:
    """They say the same."""
    plan = detect(_tree(f'framework = "{framework}"\n[docker]\ntarget = "release"\n'), IMAGE)

    assert OwnDockerfile(target="release") == plan.dockerfile


def test_files_to_serve_are_not_served_from_a_dockerfile() -> None:
    """Its image has no file server; why it is not built is said."""
    plan = detect(_tree('[static]\ndirectory = "site"\n', **{"site/index.html": "Hello."}), IMAGE)

    assert plan.dockerfile is None
    assert isinstance(plan.static, StaticSite)
    reason = "there is a Dockerfile, but files to serve are named instead"
    assert Rejected(framework="dockerfile", reason=reason) in plan.rejected


def test_without_images_they_are_shown_as_rejected() -> None:
    """The runtime that has none builds from the files."""
    plan = detect(_tree('[docker]\nfile = "deploy/app.dockerfile"\n'), Wishes())

    reason = "there is a deploy/app.dockerfile, but this runtime builds without one"
    assert ("flask", Rejected(framework="dockerfile", reason=reason)) == (
        plan.framework,
        plan.rejected[0],
    )
