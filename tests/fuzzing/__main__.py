"""Runs the fuzzers for some time with new examples: `python -m tests.fuzzing --minutes 20`."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from itertools import count
from secrets import randbelow
from time import monotonic

EXAMPLES = 500
"""The number of examples of each test for one seed."""
WORKFLOWS = "tests/http/test_openapi_workflows.py"


def main() -> int:
    """Fuzz the API for half of the time, and the parsers for the other half."""
    parser = ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    seconds = parser.parse_args().minutes * 60
    end = monotonic() + seconds
    return _fuzz_api(seconds / 2) or _fuzz_parsers(end)


def _fuzz_api(seconds: float) -> int:
    """Fuzz the API for *seconds*, and return a non-zero exit code if it fails."""
    return _pytest(WORKFLOWS, "-s", PUSHPAKA_TEST_SECONDS=str(round(seconds)))


def _fuzz_parsers(deadline: float) -> int:
    """Fuzz the parsers until *deadline*, and return a non-zero exit code if one fails."""
    for number in count(1):
        seed = randbelow(2**32)
        sys.stdout.write(f"Round {number} of {EXAMPLES} examples each, with the seed {seed}\n")
        sys.stdout.flush()
        arguments = ("tests/fuzzing", f"--hypothesis-seed={seed}", "--timeout=0")
        if failed := _pytest(*arguments, PUSHPAKA_TEST_EXAMPLES=str(EXAMPLES)):
            return failed
        if monotonic() >= deadline:
            break
    return 0


def _pytest(*arguments: str, **env: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.run(command, check=False, env={**os.environ, **env}).returncode


sys.exit(main())
