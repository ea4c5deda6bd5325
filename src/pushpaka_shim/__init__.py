"""
Holds one program: starts it, keeps its output, tells how it ended, and leaves nothing of it behind.

The shim is a small program of its own, run in an interpreter without site
packages, once for each program. It knows nothing of Pushpaka and imports the
standard library only, and little of that. Its standard input is a socket to
the platform: the order comes in by it, secrets included, and a report goes out.

A program that is *run* belongs to the platform: when the socket closes, the
program is killed. One that is *launched* does not: its shim lets go of the
platform, writes all it knows into a directory, and obeys two signals: SIGUSR1
asks the program to end, SIGUSR2 ends all of it now.
"""
