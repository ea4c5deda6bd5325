"""Mount paths stay in the app or outside the operating system, and never overlap."""

import pytest
from attrs import evolve

from pushpaka_core.domain.pipeline.build_plans import (
    BuildPlan,
    BuildStep,
    Evidence,
    Origin,
    RepositoryDockerfile,
    StaticSite,
)
from pushpaka_core.domain.volumes.declarations import (
    DeclaredVolume,
    PlannedVolume,
    plan_volumes,
    planning_problem,
)
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.paths import check_mount_path, find_overlap, find_problem
from pushpaka_core.domain.volumes.volumes import PreviewVolume
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.volumes import a_volume

SHOP = a_project(a_user())
MEDIA = a_volume(SHOP, name="media", mount_path="media")


@pytest.mark.parametrize(
    "path", ["media", "public/uploads", ".data", "/data", "/var/lib/shop", "/usr/src/app/media"]
)
def test_useful_paths_are_accepted(path: str) -> None:
    check_mount_path(path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        *((path, "must be a path such as") for path in ("", ".", "/", "//data", "media/", "a//b")),
        *((path, "must be a path such as") for path in ("../x", "a/../b", "./a", "a/.", "/..")),
        *((path, "must be a path such as") for path in ("a b", "a:b", "a,b", "a\\b", "é", "a\n")),
        ("a" * 256, "at most 255"),
        ("/app", 'must be relative for a directory in the app: "media"'),
        ("/app/media", "must be relative"),
        *((path, "operating system") for path in ("/etc", "/etc/shop", "/usr", "/var", "/root")),
        *((path, "operating system") for path in ("/proc/1", "/dev/x", "/lib64/x", "/run")),
    ],
)
def test_dangerous_paths_are_rejected(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_mount_path(path)


@pytest.mark.parametrize(
    ("path", "other", "overlaps"),
    [
        ("media", "media", True),
        ("media", "media/cache", True),
        ("media/cache", "media", True),
        ("media", "mediathek", False),
        ("/data", "data", False),
        ("/data/a", "/data/b", False),
    ],
)
def test_nested_paths_overlap(path: str, other: str, *, overlaps: bool) -> None:
    assert (other if overlaps else None) == find_overlap(path, [other])


def test_absolute_paths_need_a_container() -> None:
    assert find_problem("/data", {}, in_container=True) is None
    problem = find_problem("/data", {}, in_container=False)
    assert problem is not None
    assert problem.startswith("must be a relative path such as")


def test_declared_settings_apply_to_existing_volumes() -> None:
    """Settings that the file leaves out keep their values, and other volumes stay mounted."""
    existing = a_volume(SHOP, name="media", mount_path="old", size_limit=5)
    other = a_volume(SHOP, name="other", mount_path="other")
    declared = DeclaredVolume(name="media", mount_path="media", access=VolumeAccess.MANY)

    planned = plan_volumes([other, existing], [declared], is_preview=False)

    expected = PlannedVolume(
        name="media",
        mount_path="media",
        access=VolumeAccess.MANY,
        size_limit=5,
        is_declared=True,
    )
    assert [expected, PlannedVolume.of_volume(other)] == list(planned)
    assert [
        "volume media: mounted at media [pushpaka.toml]",
        "volume other: mounted at other [project, not in pushpaka.toml]",
    ] == [str(one) for one in planned]


def test_previews_get_only_volumes_for_previews() -> None:
    empty = DeclaredVolume(name="empty", mount_path="e", preview=PreviewVolume.EMPTY)
    none = DeclaredVolume(name="none", mount_path="n")

    planned = plan_volumes([MEDIA], [empty, none], is_preview=True)

    assert ["empty"] == [one.name for one in planned]


SHOP_PLAN = BuildPlan(
    framework="python",
    language="python",
    directory="backend",
    processes={
        "web": BuildStep(command="./bin/run lib/start.py /d/x.py data/x.db", origin=Origin.FILE)
    },
    static=StaticSite(directory="dist"),
    evidence=(
        Evidence(reason="it is listed", path="requirements/base.txt"),
        Evidence(reason="it creates the app", path="backend/shop/app.py"),
    ),
)


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        (".venv", ".venv"),
        ("bin", "bin/run"),
        ("lib", "lib/start.py"),
        ("dist", "dist"),
        ("requirements", "requirements/base.txt"),
        ("shop", "shop/app.py"),
        *((path, None) for path in ("data", "shop/media", "sho", "node_modules", "/shop", "/d")),
    ],
)
def test_volumes_never_hide_files_that_the_app_needs(path: str, hidden: str | None) -> None:
    """Files in commands can be data, unless they are programs."""
    volume = a_volume(SHOP, name="media", mount_path=path)

    problem = planning_problem(
        plan_volumes([volume], [], is_preview=False),
        in_container=True,
        replicas=1,
        required_paths=SHOP_PLAN.required_paths,
    )

    expected = hidden and (
        f'The volume "media" cannot be mounted at {path}, because it would hide {hidden}, which '
        "the app needs. Choose a directory that contains only data."
    )
    assert expected == problem


def test_images_of_repositories_can_have_other_paths() -> None:
    assert () == evolve(SHOP_PLAN, dockerfile=RepositoryDockerfile()).required_paths


@pytest.mark.parametrize(
    ("volumes", "replicas", "message"),
    [
        ([MEDIA], 1, None),
        ([a_volume(SHOP, access=VolumeAccess.MANY)], 2, None),
        ([MEDIA], 2, '2 replicas cannot use the volume "media" because its access is "one".'),
        (
            [MEDIA, a_volume(SHOP, name="cache", mount_path="media/cache")],
            1,
            (
                'The path "media/cache" of the volume "cache" must not overlap "media", where the '
                'volume "media" is mounted. Change one of the paths, or detach'
            ),
        ),
    ],
)
def test_impossible_plans_are_explained(
    volumes: list[object], replicas: int, message: str | None
) -> None:
    planned = plan_volumes(volumes, [], is_preview=False)  # type: ignore[arg-type]

    problem = planning_problem(planned, in_container=False, replicas=replicas)

    assert problem is message is None or (message and problem and problem.startswith(message))
