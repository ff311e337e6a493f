"""Starting and ending the processes that decode."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence

from aletheia.inference.errors import RequestError
from aletheia.serving.ipc import ChannelError, receive

COMMAND = (sys.executable, "-m", "aletheia.serving.decode_worker")
# Variables that Python and its libraries are found by; no key, no password, no address.
_INHERITED = ("PATH", "PYTHON", "LD_LIBRARY_PATH", "LANG", "LC_", "TZ", "TMPDIR", "VIRTUAL_ENV")
_OVERRIDES = {
    # Libraries would otherwise reserve memory for threads that they never start.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "ALETHEIA_MAX_FILE_BYTES": str(1 << 62),  # the service has checked the size of the file
}
_START_SECONDS = 60.0  # for its imports, on a machine that is busy


class DecodeProcess:
    """A decoding process, starting or ready.

    Parameters
    ----------
    command : sequence of str
        Command to run; the descriptor of its socket and `memory` are appended.
    memory : int
        Its address space, bytes.

    Attributes
    ----------
    link : socket
        The connection to it, see `aletheia.serving.ipc`.
    uses : int
        Number of files that it was given.
    """

    def __init__(self, command: Sequence[str], memory: int) -> None:
        self.link, remote = socket.socketpair()
        environment = {name: value for name, value in os.environ.items() if name.startswith(_INHERITED)} | _OVERRIDES
        with remote:
            self._process = subprocess.Popen(
                [*command, str(remote.fileno()), str(memory)],
                pass_fds=(remote.fileno(),),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._ready = False
        self.uses = 0

    def wait_until_ready(self) -> None:
        """Wait until the process has finished its imports; RequestError when it does not start."""
        if self._ready:
            return
        try:
            receive(self.link, _START_SECONDS)
        except (ChannelError, TimeoutError):
            raise RequestError("not_ready", "The decoder does not start; look at the service's log.") from None
        self._ready = True

    def is_alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.poll() is None

    def interrupt(self) -> None:
        """End the process; whoever waits for its answer, in another thread, notices, and closes the link."""
        self._process.kill()

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self.link.close()
        self._process.wait()
