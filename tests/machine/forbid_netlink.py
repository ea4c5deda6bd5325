"""Runs the program in its arguments in place of itself, without access to Netlink sockets."""

import ctypes
import os
import socket
import struct
import sys
from errno import EAFNOSUPPORT

_SOCKET = {0xC000003E: 41, 0xC00000B7: 198}
"""The number of the system call `socket` for each architecture: x86-64 and ARM64."""
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_NO_NEW_PRIVILEGES, _SET_FILTER = 38, 22


def _instruction(code: int, value: int, true_jump: int = 0, false_jump: int = 0) -> bytes:
    return struct.pack("HBBI", code, true_jump, false_jump, value)


def _filter_program(architecture: int, number: int) -> bytes:
    return b"".join(
        [
            _instruction(_LOAD, _ARCHITECTURE),
            _instruction(_JUMP_IF_EQUAL, architecture, 0, 5),
            _instruction(_LOAD, _NUMBER),
            _instruction(_JUMP_IF_EQUAL, number, 0, 3),
            _instruction(_LOAD, _FIRST_ARGUMENT),
            _instruction(_JUMP_IF_EQUAL, socket.AF_NETLINK, 0, 1),
            _instruction(_RETURN, _FAIL | EAFNOSUPPORT),
            _instruction(_RETURN, _ALLOW),
        ]
    )


def forbid_netlink() -> None:
    """Forbid this process and its children to open Netlink sockets, with a seccomp filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    for architecture, number in _SOCKET.items():
        code = ctypes.create_string_buffer(_filter_program(architecture, number))
        program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(code))
        libc.prctl(_SET_FILTER, 2, program, 0, 0)


if __name__ == "__main__":
    forbid_netlink()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the caller chooses the program
