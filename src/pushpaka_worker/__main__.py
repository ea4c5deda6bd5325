"""`python -m pushpaka_worker` is a worker, where nothing that serves is installed."""

from pushpaka_worker.program import main

main()
