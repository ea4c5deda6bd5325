"""Tries for a while what nobody has tried: `python -m tests.fuzzing --minutes 20`."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from itertools import count
from secrets import randbelow
from time import monotonic

EXAMPLES = 500
"""Of each kind, before others are tried by another seed."""
DATABASES = 2
WORKFLOWS = "tests/http/test_openapi_workflows.py"


def main() -> int:
    """Call the API for half of the time, and the parsers for the other half."""
    parser = ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    seconds = parser.parse_args().minutes * 60
    end = monotonic() + seconds
    return _call_the_api(seconds / 2 / DATABASES) or _try_the_parsers(end)


def _call_the_api(seconds: float) -> int:
    """Return whether what each API has found in so many *seconds* is a failure."""
    return _pytest(WORKFLOWS, "-s", PUSHPAKA_TEST_SECONDS=str(round(seconds)))


def _try_the_parsers(end: float) -> int:
    """Return whether one of them has failed before the *end*."""
    for number in count(1):
        seed = randbelow(2**32)
        sys.stdout.write(f"Round {number} of {EXAMPLES} examples each, by the seed {seed}\n")
        sys.stdout.flush()
        arguments = ("tests/fuzzing", f"--hypothesis-seed={seed}", "--timeout=0")
        if failed := _pytest(*arguments, PUSHPAKA_TEST_EXAMPLES=str(EXAMPLES)):
            return failed
        if monotonic() >= end:
            break
    return 0


def _pytest(*arguments: str, **env: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.run(command, check=False, env={**os.environ, **env}).returncode


sys.exit(main())
