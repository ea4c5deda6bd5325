"""Builds by real commands, as oneself and as the project's own user."""

import os
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import create_task_group, to_thread

from pushpaka_core.adapters.process.builder import ProcessBuilder
from pushpaka_core.adapters.process.downloads import Downloads
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.domain.build_plans import Origin, StaticSite
from pushpaka_core.errors import BuildError, PlatformFaultError
from pushpaka_core.ports.processes import Limits
from pushpaka_core.testing.applications import (
    NUMBER,
    WHEEL,
    Told,
    add_wheel,
    build,
    checkout,
    new_lease,
    plan,
    step,
)
from pushpaka_core.testing.processes import living

pytestmark = pytest.mark.anyio

INSTALLERS = ("BUN_", "COREPACK_", "PNPM_", "UV_", "YARN_", "npm_config_")
"""How the names of the env vars begin that installers of packages read."""


async def test_python_dependencies_are_installed(builder: ProcessBuilder, tmp_path: Path) -> None:
    """A requirements file is installed into the release's own environment, and can be imported."""
    source = await checkout(tmp_path / "source", {"requirements.txt": f"./{WHEEL}\n"})
    await add_wheel(source)
    told = Told()
    wanted = plan(
        language="python",
        install=step("uv pip install --offline -r requirements.txt"),
        build=(step("python -c 'import tiny; print(tiny.NAME)'"),),
    )

    artifact = await build(builder, source, wanted, told=told)

    assert b"tiny package\n" in told.output
    assert told.sentences[0].startswith("Python 3.")
    assert "Running `uv pip install --offline -r requirements.txt`" == told.sentences[1]
    assert await builder.exists(artifact.name)


async def test_a_build_runs_as_its_user_in_a_clean_environment(
    builder: ProcessBuilder, tmp_path: Path, first_uid: int | None
) -> None:
    """Commands see the project's env vars and what the operator lets through, nothing else."""
    source = await checkout(tmp_path / "source", {"main.sh": ""})
    told = Told()
    wanted = plan(build=(step("id -u; ls; touch $HOME/x $TMPDIR/x made; env"),))

    await build(builder, source, wanted, env={"SECRET": "s"}, told=told)

    uid, file, *env = told.output.decode().splitlines()
    assert str(first_uid + NUMBER if first_uid else os.geteuid()) == uid
    assert "main.sh" == file
    names = {line.partition("=")[0] for line in env}
    assert {
        *("HOME", "HOST_ONLY", "LANG", "PATH", "PUSHPAKA_PROCESS", "PWD", "PYTHONUNBUFFERED"),
        *("SECRET", "TMPDIR", "VIRTUAL_ENV", "XDG_CACHE_HOME"),
    } == {name for name in names if not name.startswith(INSTALLERS)}


async def test_a_release_is_closed_to_others(
    builder: ProcessBuilder, tmp_path: Path, data: Path, first_uid: int | None
) -> None:
    """Its files belong to the project's user, and nobody else may enter them."""
    source = await checkout(tmp_path / "source", {"main.sh": ""})

    artifact = await build(builder, source, plan())

    app = data / "releases" / artifact.name / "app"
    owner = first_uid + NUMBER if first_uid else os.geteuid()
    assert [(owner, 0o700), (owner, 0o644)] == [
        (path.stat().st_uid, path.stat().st_mode & 0o777) for path in (app, app / "main.sh")
    ]
    assert 0o711 == (data / "releases").stat().st_mode & 0o777
    assert not source.exists()


async def test_a_command_that_fails_ends_the_build(builder: ProcessBuilder, tmp_path: Path) -> None:
    """The error names the command and how it ended; nothing of the build is left."""
    source = await checkout(tmp_path / "source", {"x": ""})
    wanted = plan(install=step("echo broken >&2; exit 3"), build=(step("touch never"),))
    told = Told()

    with pytest.raises(BuildError, match="`echo broken >&2; exit 3` exited with code 3"):
        await build(builder, source, wanted, told=told)

    assert b"broken\n" == told.output
    assert {} == await builder.artifacts()


async def test_a_missing_program_is_told(builder: ProcessBuilder, tmp_path: Path) -> None:
    """The code by which a shell says so is put into words."""
    source = await checkout(tmp_path / "source", {"x": ""})

    with pytest.raises(BuildError, match=r"with code 127\. A program that it calls is not there"):
        await build(builder, source, plan(build=(step("no-such-program"),)))


async def test_a_build_that_takes_too_long_is_ended(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """After its time a build is dead, and leaves nothing."""
    source, mark = await checkout(tmp_path / "source", {"x": ""}), str(uuid4())
    wanted = plan(build=(step("setsid sleep 60 & sleep 60"),))

    with pytest.raises(BuildError, match=r"took longer than 0\.01 min"):
        await build(builder, source, wanted, env={"MARK": mark}, timeout=timedelta(seconds=0.6))

    assert set() == await living(mark)
    assert {} == await builder.artifacts()


async def test_a_cancelled_build_leaves_nothing(builder: ProcessBuilder, tmp_path: Path) -> None:
    """When a cancelled build returns, its programs and its files are gone."""
    source, mark = await checkout(tmp_path / "source", {"x": ""}), str(uuid4())

    async with create_task_group() as group:

        class Cancelling(Told):
            async def on_output(self, _: object) -> None:
                group.cancel_scope.cancel()

        wanted = plan(build=(step("echo up; sleep 60"),))
        await build(builder, source, wanted, env={"MARK": mark}, told=Cancelling())

    assert set() == await living(mark)
    assert {} == await builder.artifacts()


@pytest.mark.parametrize("build_limits", [Limits(memory_bytes=256 * 2**20)], ids=["little"])
async def test_memory_of_a_build_is_bounded(builder: ProcessBuilder, tmp_path: Path) -> None:
    """A command that wants much more than it may have is refused it, or killed."""
    source = await checkout(tmp_path / "source", {"x": ""})
    told = Told()
    wanted = plan(language="python", build=(step("python -c 'bytearray(2**30)'"),))

    with pytest.raises(BuildError) as caught:
        await build(builder, source, wanted, told=told)

    assert b"MemoryError" in told.output or "its limit of 256 MiB" in str(caught.value)


async def test_a_python_that_is_not_there(builder: ProcessBuilder, tmp_path: Path) -> None:
    """An unknown version is told with those that the host has."""
    source = await checkout(tmp_path / "source", {"x": ""})

    with pytest.raises(BuildError, match=r"asks for Python 3\.2, and this host has 3\.\d"):
        await build(builder, source, plan(language="python", language_version="3.2"))


async def test_programs_of_packages_are_found(builder: ProcessBuilder, tmp_path: Path) -> None:
    """Those of the directory of the plan come first, and those of its workspace after them."""
    files = {
        "node_modules/.bin/near": "#!/bin/sh\necho from the workspace",
        "node_modules/.bin/far": "#!/bin/sh\necho far",
        "app/node_modules/.bin/near": "#!/bin/sh\necho near",
    }
    source = await checkout(tmp_path / "source", files)
    told = Told()
    opened = step("chmod +x node_modules/.bin/* ../node_modules/.bin/*")

    await build(
        builder, source, plan(directory="app", build=(opened, step("near; far"))), told=told
    )

    assert b"near\nfar\n" == told.output


async def test_tools_of_uv_can_be_called(builder: ProcessBuilder, tmp_path: Path) -> None:
    """An installer that is no part of the application is a command away."""
    source = await checkout(tmp_path / "source", {"x": ""})
    told = Told()

    await build(builder, source, plan(build=(step("uvx --version"),)), told=told)

    assert told.output.startswith(b"uvx ")


async def test_building_again_begins_anew(
    builder: ProcessBuilder, tmp_path: Path, data: Path
) -> None:
    """Under the same lease nothing of the former try is left."""
    lease = new_lease()
    wanted = plan(build=(step("touch made"),))
    await build(builder, await checkout(tmp_path / "one", {"one": ""}), wanted, lease=lease)

    artifact = await build(
        builder, await checkout(tmp_path / "two", {"two": ""}), wanted, lease=lease
    )

    app = data / "releases" / artifact.name / "app"
    assert {"two", "made"} == {path.name for path in app.iterdir()}
    assert {artifact.name: lease} == await builder.artifacts()


async def test_the_digest_tells_contents_apart(builder: ProcessBuilder, tmp_path: Path) -> None:
    """The same files and packages have the same digest, others another."""
    wanted = plan(language="python", install=step(f"uv pip install --offline ./{WHEEL}"))
    sources = [
        await checkout(tmp_path / str(number), {"x": text})
        for number, text in enumerate(("same", "same", "other"))
    ]
    for source in sources:
        await add_wheel(source)

    same, again, other = [(await build(builder, source, wanted)).digest for source in sources]

    assert same == again
    assert same != other


async def test_temporary_files_of_a_build_are_near_enough_for_a_socket(
    builder: ProcessBuilder, tmp_path: Path, data: Path
) -> None:
    """Nx and others make some there; nothing of it is left."""
    wanted = plan(build=(step('printf %s "$TMPDIR" >where'),))

    artifact = await build(builder, await checkout(tmp_path / "source", {"x": ""}), wanted)

    where = Path((data / "releases" / artifact.name / "app/where").read_text())
    assert len(str(where.relative_to(data))) < 30
    assert [artifact.name] == [path.name for path in (data / "releases").iterdir()]


async def test_what_is_removed_is_gone(builder: ProcessBuilder, tmp_path: Path) -> None:
    """A removed artifact cannot be started any more; removing it again is harmless."""
    wanted = plan(build=(step("mkdir closed; touch closed/x; chmod 0 closed"),))
    artifact = await build(builder, await checkout(tmp_path / "source", {"x": ""}), wanted)

    await builder.remove(artifact.name)
    await builder.remove(artifact.name)

    assert not await builder.exists(artifact.name)
    assert {} == await builder.artifacts()


async def test_a_cache_is_its_projects_own_and_goes_with_it(
    builder: ProcessBuilder, tmp_path: Path, data: Path, first_uid: int | None
) -> None:
    """What installers keep is for one user alone; nothing of it outlives the project."""
    source = await checkout(tmp_path / "source", {"x": ""})
    await build(builder, source, plan(build=(step("touch $UV_CACHE_DIR/x"),)))
    cache = data / "cache" / (str(first_uid + NUMBER) if first_uid else "shared")
    mode = cache.stat().st_mode & 0o777

    await builder.forget(NUMBER)

    assert 0o700 == mode
    assert cache.exists() == (first_uid is None)


async def test_where_the_host_keeps_its_files_is_told_to_its_log_alone(
    builder: ProcessBuilder, tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What the host refuses is told to users without the path of a file of the server."""
    source = await checkout(tmp_path / "source", {"x": ""})
    await to_thread.run_sync((data / "cache").write_text, "in the way")

    with pytest.raises(PlatformFaultError, match="The build failed on this host: ") as fault:
        await build(builder, source, plan())

    assert str(data) not in str(fault.value)
    assert str(data) in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("first_uid", [61_000])
async def test_a_data_directory_that_is_closed_to_projects_is_not_named_to_them(
    builder: ProcessBuilder, tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Users are told what is wrong, and the operator which directory it is."""
    source = await checkout(tmp_path / "source", {"x": ""})
    await to_thread.run_sync(data.chmod, 0o700)

    with pytest.raises(PlatformFaultError, match="the data directory is closed to") as fault:
        await build(builder, source, plan())

    assert str(data) not in str(fault.value)
    assert str(data) in caplog.text


async def test_what_a_download_complains_of_does_not_name_its_place(
    processes: HostProcesses, tmp_path: Path
) -> None:
    """The words of a program that fetches may reach users, the directory of the server not."""
    script = "echo cannot write $PWD/tmp/x >&2; exit 1"

    ran = await Downloads(processes=processes).run(Path("/bin/sh"), "-c", script, staging=tmp_path)

    assert "cannot write tmp/x" == ran.last_words


async def test_a_site_must_not_lead_out_of_the_repository(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """A link to a file of the host is refused rather than served."""
    source = await checkout(tmp_path / "source", {"index.html": ""})
    (source / "passwd").symlink_to("/etc/passwd")

    with pytest.raises(BuildError, match="The link passwd leads out of the repository"):
        await build(builder, source, plan(static=StaticSite(directory=".")))


async def test_a_site_that_was_not_built(builder: ProcessBuilder, tmp_path: Path) -> None:
    """A directory that the build should have made is missed by name, and those there are named."""
    source = await checkout(
        tmp_path / "source", {"public/x": "", "out/x": "", "node_modules/x": ""}
    )

    with pytest.raises(
        BuildError, match=r"no directory dist after the build\. There are: out, public\."
    ):
        await build(builder, source, plan(static=StaticSite(directory="dist")))


async def test_a_page_that_somebody_named_must_be_there(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """A visitor would be the first to miss it."""
    source = await checkout(tmp_path / "source", {"index.html": ""})
    site = StaticSite(directory=".", fallback="app.html", origin=Origin.FILE)

    with pytest.raises(BuildError, match=r"There is no app\.html in \. after the build"):
        await build(builder, source, plan(static=site))


async def test_a_page_that_was_expected_is_missed(builder: ProcessBuilder, tmp_path: Path) -> None:
    """The site works without it, so it is told and no more."""
    source = await checkout(tmp_path / "source", {"index.html": ""})
    told = Told()

    await build(
        builder, source, plan(static=StaticSite(directory=".", not_found="404.html")), told=told
    )

    sentence = "There is no 404.html in . after the build, which is the site's not_found."
    assert [sentence] == told.sentences
