"""`python -m pushpaka_http.cli` is `pushpaka`."""

from pushpaka_http.cli import main

main()
