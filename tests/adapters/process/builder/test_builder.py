"""Tests builds that run real commands."""

import os
from functools import partial
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from tests.adapters.process.builders import groups_of, weight_of
from tests.adapters.process.conftest import FIRST_UID, both_users

from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.adapters.process.sandbox.cgroups import available_cgroups
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.toolchains.downloads import PackageDownloader
from pushpaka_core.domain.pipeline.build_plans import Origin, StaticSite
from pushpaka_core.errors import BuildError, PlatformFaultError
from pushpaka_core.ports.processes import ResourceLimits
from pushpaka_core.testing.applications import (
    PROJECT_NUMBER,
    WHEEL,
    BuildRecorder,
    add_wheel,
    build,
    checkout,
    plan,
    step,
)

pytestmark = pytest.mark.anyio

INSTALLERS = ("BUN_", "COREPACK_", "PNPM_", "UV_", "YARN_", "npm_config_")
"""Prefixes of the environment variables of package installers."""


async def test_python_dependencies_are_installed(builder: ProcessBuilder, tmp_path: Path) -> None:
    """Dependencies are installed into the virtual environment of the release."""
    source = await checkout(tmp_path / "source", {"requirements.txt": f"./{WHEEL}\n"})
    await add_wheel(source)
    build_recorder = BuildRecorder()
    wanted = plan(
        language="python",
        install=step("uv pip install --offline -r requirements.txt"),
        build=(step("python -c 'import tiny; print(tiny.NAME)'"),),
    )

    artifact = await build(builder, source, wanted, recorder=build_recorder)

    assert b"tiny package\n" in build_recorder.output
    assert build_recorder.messages[0].startswith("Using Python 3.")
    assert "Running `uv pip install --offline -r requirements.txt`" == build_recorder.messages[1]
    assert await builder.exists(artifact.name)


@both_users
async def test_a_build_runs_as_its_user_in_a_clean_environment(
    builder: ProcessBuilder, tmp_path: Path, first_uid: int | None
) -> None:
    """Commands see only the variables of the project and those that the operator allows."""
    source = await checkout(tmp_path / "source", {"main.sh": ""})
    build_recorder = BuildRecorder()
    wanted = plan(build=(step("id -u; ls; touch $HOME/x $TMPDIR/x made; env"),))

    await build(builder, source, wanted, env={"SECRET": "s"}, recorder=build_recorder)

    uid, file, *env = build_recorder.output.decode().splitlines()
    assert str(first_uid + PROJECT_NUMBER if first_uid else os.geteuid()) == uid
    assert "main.sh" == file
    names = {line.partition("=")[0] for line in env}
    assert {
        *("HOME", "HOST_ONLY", "LANG", "LOGNAME", "PATH", "PUSHPAKA_PROCESS", "PWD"),
        *("PYTHONUNBUFFERED", "SECRET", "TMPDIR", "USER", "VIRTUAL_ENV", "XDG_CACHE_HOME"),
    } == {name for name in names if not name.startswith(INSTALLERS)}


@both_users
async def test_release_is_private_to_its_user(
    builder: ProcessBuilder, tmp_path: Path, data: Path, first_uid: int | None
) -> None:
    """The project's user owns the files, and other users cannot enter their directory."""
    source = await checkout(tmp_path / "source", {"main.sh": ""})

    artifact = await build(builder, source, plan())

    app = data / "releases" / artifact.name / "app"
    owner = first_uid + PROJECT_NUMBER if first_uid else os.geteuid()
    assert [(owner, 0o700), (owner, 0o644)] == [
        (path.stat().st_uid, path.stat().st_mode & 0o777) for path in (app, app / "main.sh")
    ]
    assert 0o711 == (data / "releases").stat().st_mode & 0o777
    assert not source.exists()


async def test_a_missing_program_is_reported(builder: ProcessBuilder, tmp_path: Path) -> None:
    """The error explains the exit code of the shell."""
    source = await checkout(tmp_path / "source", {"x": ""})

    with pytest.raises(BuildError, match=r"with code 127\. The command, or a program that"):
        await build(builder, source, plan(build=(step("no-such-program"),)))


@pytest.mark.parametrize("build_limits", [ResourceLimits(memory_bytes=256 * 2**20)], ids=["little"])
async def test_memory_of_a_build_is_limited(builder: ProcessBuilder, tmp_path: Path) -> None:
    """A command that exceeds the limit gets an allocation error or is killed."""
    source = await checkout(tmp_path / "source", {"x": ""})
    build_recorder = BuildRecorder()
    wanted = plan(build=(step("python3 -c 'bytearray(2**30)'"),))

    with pytest.raises(BuildError) as caught:
        await build(builder, source, wanted, recorder=build_recorder)

    assert b"MemoryError" in build_recorder.output or "its limit of 256 MiB" in str(caught.value)


@pytest.mark.skipif(
    "cpu" not in available_cgroups().controllers, reason="nothing limits processors here"
)
async def test_a_build_has_less_cpu_weight_than_an_instance(
    builder: ProcessBuilder, state: Path, tmp_path: Path
) -> None:
    source = await checkout(tmp_path / "source", {"x": ""})
    build_recorder = BuildRecorder()
    wanted = plan(build=(step("echo up; sleep 600"),))

    async with create_task_group() as tasks:
        tasks.start_soon(partial(build, builder, source, wanted, recorder=build_recorder))
        with fail_after(60):
            while b"up" not in build_recorder.output:
                await sleep(0.05)
        (group,) = [one for one in await groups_of(state) if (one / "cpu.stat").exists()]
        weight = await to_thread.run_sync(weight_of, group)
        tasks.cancel_scope.cancel()

    assert pytest.approx(0.2, abs=0.001) == weight


async def test_a_missing_python_is_reported(builder: ProcessBuilder, tmp_path: Path) -> None:
    """The error lists the Python versions on the host."""
    source = await checkout(tmp_path / "source", {"x": ""})

    with pytest.raises(BuildError, match=r"requires Python 3\.2, but this host has 3\.\d"):
        await build(builder, source, plan(language="python", language_version="3.2"))


async def test_programs_of_packages_are_found(builder: ProcessBuilder, tmp_path: Path) -> None:
    """Programs in the plan's root directory take precedence over those in the workspace root."""
    files = {
        "node_modules/.bin/near": "#!/bin/sh\necho from the workspace",
        "node_modules/.bin/far": "#!/bin/sh\necho far",
        "app/node_modules/.bin/near": "#!/bin/sh\necho near",
    }
    source = await checkout(tmp_path / "source", files)
    build_recorder = BuildRecorder()
    opened = step("chmod +x node_modules/.bin/* ../node_modules/.bin/*")

    await build(
        builder,
        source,
        plan(directory="app", build=(opened, step("near; far"))),
        recorder=build_recorder,
    )

    assert b"near\nfar\n" == build_recorder.output


async def test_uvx_can_be_called(builder: ProcessBuilder, tmp_path: Path) -> None:
    source = await checkout(tmp_path / "source", {"x": ""})
    build_recorder = BuildRecorder()

    await build(builder, source, plan(build=(step("uvx --version"),)), recorder=build_recorder)

    assert build_recorder.output.startswith(b"uvx ")


async def test_digest_depends_on_the_content(builder: ProcessBuilder, tmp_path: Path) -> None:
    sources = [
        await checkout(tmp_path / str(number), {"x": text})
        for number, text in enumerate(("same", "same", "other"))
    ]

    same, again, other = [(await build(builder, source, plan())).digest for source in sources]

    assert same == again
    assert same != other


async def test_path_of_temporary_files_is_short_enough_for_sockets(
    builder: ProcessBuilder, tmp_path: Path, data: Path
) -> None:
    """The length of socket paths is limited, and Nx creates sockets in its temporary directory."""
    wanted = plan(build=(step('printf %s "$TMPDIR" >where'),))

    artifact = await build(builder, await checkout(tmp_path / "source", {"x": ""}), wanted)

    where = Path((data / "releases" / artifact.name / "app/where").read_text())
    assert len(str(where.relative_to(data))) < 30
    assert [artifact.name] == [path.name for path in (data / "releases").iterdir()]


async def test_release_with_inaccessible_directories_can_be_removed(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    wanted = plan(build=(step("mkdir closed; touch closed/x; chmod 0 closed"),))
    artifact = await build(builder, await checkout(tmp_path / "source", {"x": ""}), wanted)

    await builder.remove(artifact.name)

    assert not await builder.exists(artifact.name)


@both_users
async def test_cache_belongs_to_one_project_and_is_removed_with_it(
    builder: ProcessBuilder, tmp_path: Path, data: Path, first_uid: int | None
) -> None:
    """Other users cannot read the cache."""
    source = await checkout(tmp_path / "source", {"x": ""})
    await build(builder, source, plan(build=(step("touch $UV_CACHE_DIR/x"),)))
    cache = data / "cache" / (str(first_uid + PROJECT_NUMBER) if first_uid else "shared")
    mode = cache.stat().st_mode & 0o777

    await builder.remove_cache(PROJECT_NUMBER)

    assert 0o700 == mode
    assert cache.exists() == (first_uid is None)


async def test_host_paths_are_only_logged_on_the_server(
    builder: ProcessBuilder, tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If a build fails because of the host, only the server log contains the path."""
    source = await checkout(tmp_path / "source", {"x": ""})
    await to_thread.run_sync((data / "cache").write_text, "in the way")

    with pytest.raises(PlatformFaultError, match="The build failed on this host: ") as fault:
        await build(builder, source, plan())

    assert str(data) not in str(fault.value)
    assert str(data) in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("first_uid", [FIRST_UID])
async def test_path_of_an_inaccessible_data_directory_is_not_shown_to_users(
    builder: ProcessBuilder, tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the server log contains the path."""
    source = await checkout(tmp_path / "source", {"x": ""})
    await to_thread.run_sync(data.chmod, 0o700)

    with pytest.raises(PlatformFaultError, match="cannot access the data directory") as fault:
        await build(builder, source, plan())

    assert str(data) not in str(fault.value)
    assert str(data) in caplog.text


async def test_download_errors_do_not_contain_host_paths(
    process_manager: HostProcesses, tmp_path: Path
) -> None:
    """Error messages of a download may be shown to users, who must not see paths on the server."""
    script = "echo cannot write $PWD/tmp/x >&2; exit 1"

    ran = await PackageDownloader(process_manager=process_manager).run(
        Path("/bin/sh"), "-c", script, staging=tmp_path
    )

    assert "cannot write tmp/x" == ran.error_summary


async def test_site_is_served_from_another_common_output_directory(
    builder: ProcessBuilder, tmp_path: Path, data: Path
) -> None:
    """If the configured directory is missing, another one is served, and the log says which."""
    source = await checkout(tmp_path / "source", {"x": ""})
    build_recorder = BuildRecorder()
    made = (step("mkdir -p build/no out dist; echo hello > out/index.html"),)
    wanted = plan(build=made, static=StaticSite(directory="www/my site", origin=Origin.FILE))

    artifact = await build(builder, source, wanted, recorder=build_recorder)

    served = data / "releases" / artifact.name / "app/www/my site/index.html"
    assert "hello\n" == await to_thread.run_sync(served.read_text)
    assert (
        "The build did not create www/my site. Serving out instead, which has an index.html.\n"
    ) == build_recorder.output.decode()


@pytest.mark.parametrize(
    ("site", "message"),
    [
        (
            StaticSite(directory="dist"),
            r"did not create the directory dist\. Existing directories: out, public\.",
        ),
        (
            StaticSite(directory="public", fallback="app.html", origin=Origin.FILE),
            r"The build did not create public/app\.html, the site's fallback page",
        ),
    ],
)
async def test_a_site_without_its_files_is_refused(
    builder: ProcessBuilder, tmp_path: Path, site: StaticSite, message: str
) -> None:
    """The error contains the missing directory and the directories that exist."""
    files = {"public/x": "", "out/x": "", "node_modules/x": ""}
    source = await checkout(tmp_path / "source", files)

    with pytest.raises(BuildError, match=message):
        await build(builder, source, plan(static=site))


async def test_a_missing_error_page_is_reported(builder: ProcessBuilder, tmp_path: Path) -> None:
    """The site is deployed even without the error page."""
    source = await checkout(tmp_path / "source", {"index.html": ""})
    build_recorder = BuildRecorder()

    await build(
        builder,
        source,
        plan(static=StaticSite(directory=".", not_found="404.html")),
        recorder=build_recorder,
    )

    sentence = (
        "The build did not create 404.html, the site's 404 page. Check the page's path and the "
        "build output."
    )
    assert [sentence] == build_recorder.messages
