"""Becomes the store's server, after requesting that the kernel ends it together with the service.

It is run as a separate file, `python -I -S exec_child.py PARENT PROGRAM ARGUMENT...`: the request must be made in the
new process before the server's program replaces it, and no Python code is safe between fork and exec of a process with
threads (the reason for subprocess's warning about `preexec_fn`).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2), Linux only: a signal for this process when the thread that started it ends. It survives execve."""


def main() -> None:
    """Replace this process with PROGRAM; end at once if the service has already ended."""
    parent, program = int(sys.argv[1]), sys.argv[2]
    os.umask(0o077)
    if sys.platform == "linux":
        # SIGKILL loses nothing: the server answers a write only once its append-only file is on disk.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(program, sys.argv[2:])  # noqa: S606 - the program was found by the service, no input chose it


if __name__ == "__main__":
    main()
