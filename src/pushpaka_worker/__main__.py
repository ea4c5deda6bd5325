"""Runs a worker with `python -m pushpaka_worker`, without the packages that the API needs."""

from pushpaka_worker.program import main

main()
