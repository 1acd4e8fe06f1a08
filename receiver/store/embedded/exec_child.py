"""Becomes the store's server, after asking the kernel to end it together with the service.

Run as a file of its own, `python -I -S exec_child.py PARENT PROGRAM ARGUMENT...`: the request has to be made in the new
process before the server's program replaces it, and between fork and exec of a process with threads no Python code
is safe (subprocess warns of `preexec_fn` for that reason).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2), Linux only: a signal for this process when the thread that made it ends. It survives execve."""


def main() -> None:
    """Replace this process by PROGRAM; end at once when the service is gone already."""
    parent, program = int(sys.argv[1]), sys.argv[2]
    os.umask(0o077)
    if sys.platform == "linux":
        # Nothing is lost by SIGKILL: the server answers only what its append-only file has on disk.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(program, sys.argv[2:])  # noqa: S606 - the program was found by the service, no input chose it


if __name__ == "__main__":
    main()
