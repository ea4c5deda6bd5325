"""Tests the `docker` table of pushpaka.toml: the repository's Dockerfile, and errors about it."""

import pytest
from tests.detection.plans import Case, case, image, plan_of, site

from pushpaka_core.domain.pipeline.build_plans import Origin, RepositoryDockerfile
from pushpaka_core.errors import DetectionError

FLASK = {"requirements.txt": "flask\n", "app.py": "import flask\napp = flask.Flask('a')\n"}
FILES = FLASK | {"deploy/app.dockerfile": "FROM scratch\nEXPOSE 9000\n", "Dockerfile": "FROM x"}
NAMED = 'file = "deploy/app.dockerfile"'
PYTHON_FIRST = "Python takes precedence. Set framework to choose"
RELEASE = '[docker]\ntarget = "release"\n'


def with_toml(text: str) -> dict[str, str]:
    return FILES | {"pushpaka.toml": text}


CASES: dict[str, Case] = {
    **{
        f"docker: {lines!r}": image(
            with_toml(f"[docker]\n{lines}\n"), framework="dockerfile", dockerfile=own
        )
        for lines, own in {
            f'{NAMED}\ntarget = "release"\ncontext = "deploy"': RepositoryDockerfile(
                path="deploy/app.dockerfile", target="release", context="deploy"
            ),
            NAMED: RepositoryDockerfile(path="deploy/app.dockerfile"),
            'target = "release"': RepositoryDockerfile(target="release"),
            'context = "."': RepositoryDockerfile(context="."),
            "": RepositoryDockerfile(),
        }.items()
    },
    **{
        f"framework {name}": image(
            with_toml(f'framework = "{name}"\n{RELEASE}'),
            dockerfile=RepositoryDockerfile(target="release"),
        )
        for name in ("auto", "docker", "dockerfile")
    },
    "paths are relative to the application, and the context may be above it": image(
        {
            f"apps/web/{path}": text
            for path, text in with_toml(f'[docker]\n{NAMED}\ncontext = "../.."\n').items()
        },
        "apps/web",
        directory="apps/web",
        dockerfile=RepositoryDockerfile(path="deploy/app.dockerfile", context="../.."),
    ),
    "a site is not built by the Dockerfile": image(
        with_toml('[static]\ndirectory = "site"\n') | {"site/index.html": "Hello."},
        dockerfile=None,
        static=site("site", origin=Origin.FILE),
        rejected=[
            "dockerfile: Dockerfile exists, but static.directory is set",
            f"static: site/index.html exists too, but {PYTHON_FIRST}",
        ],
    ),
    "a runtime without images rejects the Dockerfile": case(
        with_toml(f"[docker]\n{NAMED}\n"),
        framework="flask",
        rejected=[
            "dockerfile: deploy/app.dockerfile exists, but this runtime does not build images"
        ],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


def test_port_is_exposed_by_the_named_dockerfile() -> None:
    """The key `port` of pushpaka.toml takes precedence over EXPOSE."""
    exposed = plan_of(with_toml(f"[docker]\n{NAMED}\n"), image=True)
    configured = plan_of(with_toml(f"port = 80\n[docker]\n{NAMED}\n"), image=True)

    assert (9000, 80) == (exposed.settings.port, configured.settings.port)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("file = 3", "Line 2, column 8: `docker.file` must be a string."),
        ('file = "/etc/passwd"', "Line 2, column 8: `docker.file` must be relative"),
        ('file = "../Dockerfile"', "Line 2, column 8: `docker.file` must not contain empty names"),
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
def test_mistakes_are_reported_with_their_locations(lines: str, sentence: str) -> None:
    """The mistakes are the same for processes and for container images."""
    for is_image in (True, False):
        with pytest.raises(DetectionError) as refusal:
            plan_of(with_toml(f"[docker]\n{lines}\n"), image=is_image)

        assert sentence in str(refusal.value)


@pytest.mark.parametrize("lines", ['file = "deploy/Dockerfile"', 'target = "release"'])
def test_missing_dockerfile_is_reported(lines: str) -> None:
    files = FLASK | {"pushpaka.toml": f"[docker]\n{lines}\n"}

    with pytest.raises(
        DetectionError, match=r"but (deploy/)?Dockerfile does not exist\. Check its"
    ):
        plan_of(files, image=True)


@pytest.mark.parametrize(
    ("other_settings", "sentence"),
    [
        (
            'framework = "flask"',
            "`docker.target` is not used with the framework flask. Keep one of them",
        ),
        ('static.directory = "site"', "`docker.target` cannot be combined with `static.directory`"),
    ],
)
def test_unused_settings_are_reported(other_settings: str, sentence: str) -> None:
    with pytest.raises(DetectionError) as refusal:
        plan_of(with_toml(f"{other_settings}\n{RELEASE}"), image=True)

    assert sentence in str(refusal.value)
