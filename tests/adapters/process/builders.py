"""Creates builders for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyio import to_thread

from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.adapters.process.sandbox.cgroups import available_cgroups
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.supervisor.records import ProcessRecords


def builder_in(
    data_directory: Path, processes: HostProcesses, first_uid: int | None, **options: Any
) -> ProcessBuilder:
    """Return a builder in *data_directory*. With *first_uid*, each project has its own user."""
    places = {f"{name}_directory": data_directory / name for name in ("releases", "tools", "cache")}
    return ProcessBuilder(
        process_manager=processes,
        uid_of=lambda number: first_uid and first_uid + number,
        **{**places, **options},
    )


async def groups_of(state_directory: Path) -> Mapping[Path, str]:
    """Return the control groups of the platform that uses this state directory."""
    return await to_thread.run_sync(
        lambda: available_cgroups().existing_groups(ProcessRecords(state_directory).instance())
    )


def share_of(group: Path) -> float:
    """Return the number of CPUs that the programs in *group* may use together."""
    if (group / "cpu.max").exists():
        quota, period = (group / "cpu.max").read_text().split()
    else:
        quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    return int(quota) / int(period)


def weight_of(group: Path) -> float:
    """Return the CPU weight of *group* as a multiple of the default of the kernel."""
    file, default = ("cpu.weight", 100) if (group / "cpu.weight").exists() else ("cpu.shares", 1024)
    return int((group / file).read_text()) / default
