"""
Supervises one program: starts it, captures its output, reports its exit and cleans up.

The shim is a separate program, run once for each supervised program, in an interpreter without site
packages. It does not import Pushpaka, and imports only fast modules of the standard library.
Its standard input is a socket to the platform, which sends the request (with secrets) and receives
a report.

A program that is *run* is tied to the platform: when the socket closes, the program is killed. A
program that is *launched* outlives the platform: its shim detaches, writes output and exit status
to a directory, and reacts to two signals. SIGUSR1 sends SIGTERM to the program, SIGUSR2 kills it
and all its descendants at once.
"""
