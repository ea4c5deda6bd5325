"""Run the `pushpaka` command line with `python -m pushpaka_http.cli`."""

from pushpaka_http.cli import main

main()
