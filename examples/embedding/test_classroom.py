"""Tests of `classroom.py` with the real core and in-memory adapters."""

from collections.abc import AsyncIterator

import pytest
from attrs import evolve, frozen
from examples.embedding.classroom import hand_in

from pushpaka_core import Actor, Application, Registration, assemble, memory_adapters
from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.router import MemoryRouter
from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.container.adapters import Options
from pushpaka_core.errors import BuildError
from pushpaka_worker import open_worker

ADA, BOB = "https://git.example.com/ada", "https://git.example.com/bob"


@frozen(kw_only=True)
class School:
    """An in-memory instance, and the adapters that a test controls."""

    pushpaka: Application
    teacher: Actor
    source: MemorySource
    builder: MemoryBuilder
    router: MemoryRouter

    def push(self, repo_url: str, **files: str) -> None:
        """Commit *files* to the main branch."""
        named = {name.replace("_", "."): text for name, text in files.items()}
        commits = self.source.repositories.setdefault(repo_url, {"main": []})["main"]
        commits.append(MemoryCommit(sha=f"{len(commits) + 1:040x}", files=named))

    @property
    def hosts(self) -> set[str]:
        """Return the host names that the router serves."""
        return {host for route in self.router.routes for host in route.hosts}


@pytest.fixture
async def school() -> AsyncIterator[School]:
    """Yield an in-memory instance with a worker."""
    source, builder, router = MemorySource(), MemoryBuilder(), MemoryRouter()
    adapters = evolve(memory_adapters(), source=source, builder=builder, router=router)
    pushpaka = assemble(adapters, Options())
    ada = Registration(email="teacher@example.com", name="Teacher", password="correct horse")
    teacher = Actor.from_user((await pushpaka.accounts.register(ada)).user)
    async with open_worker(pushpaka):
        yield School(
            pushpaka=pushpaka, teacher=teacher, source=source, builder=builder, router=router
        )


@pytest.mark.anyio
async def test_each_student_gets_a_url(school: School) -> None:
    school.push(ADA, index_html="<h1>Ada</h1>")
    school.push(BOB, index_html="<h1>Bob</h1>")

    report = await hand_in(school.pushpaka, school.teacher, {"Ada": ADA, "Bob": BOB})

    assert {"Ada": "http://ada.localhost", "Bob": "http://bob.localhost"} == report
    assert {"ada.localhost", "bob.localhost"} <= school.hosts


@pytest.mark.anyio
async def test_failure_of_one_student_affects_no_other(school: School) -> None:
    school.push(ADA, index_html="<h1>Ada</h1>")
    school.push(BOB, notes_txt="No time, sorry.")

    report = await hand_in(school.pushpaka, school.teacher, {"Ada": ADA, "Bob": BOB})

    assert "http://ada.localhost" == report["Ada"]
    assert report["Bob"].startswith("Could not detect how to run this repository")


@pytest.mark.anyio
async def test_failed_deployment_keeps_the_previous_version(school: School) -> None:
    school.push(ADA, index_html="<h1>Ada</h1>")
    await hand_in(school.pushpaka, school.teacher, {"Ada": ADA})

    school.push(ADA, index_html="<h1>Ada, again</h1>")
    school.builder.output = ("npm error Missing script\n",)
    school.builder.failure = BuildError("The command ended with exit code 1.")
    report = await hand_in(school.pushpaka, school.teacher, {"Ada": ADA})

    reason = "The command ended with exit code 1.\nnpm error Missing script"
    assert {"Ada": reason} == report
    assert "ada.localhost" in school.hosts
