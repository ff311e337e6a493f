"""Starting and ending the processes that decode."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence

from aletheia.serving.config import API_KEY
from aletheia.serving.refusal import Refused
from aletheia.serving.wire import Broken, receive

COMMAND = (sys.executable, "-m", "aletheia.serving.decode_worker")
_START_SECONDS = 60.0  # for its imports, on a machine that is busy


class DecodeProcess:
    """A process, starting or ready.

    Parameters
    ----------
    command : sequence of str
        What is run; the descriptor of its socket and `memory` are added.
    memory : int
        Its address space, bytes.

    Attributes
    ----------
    link : socket
        To it, see `aletheia.serving.wire`.
    uses : int
        How many files it was given.
    """

    def __init__(self, command: Sequence[str], memory: int) -> None:
        self.link, theirs = socket.socketpair()
        # Its libraries would otherwise reserve memory for threads that it never starts.
        environment = {name: value for name, value in os.environ.items() if name != API_KEY}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(memory)],
                pass_fds=(theirs.fileno(),),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._ready = False
        self.uses = 0

    def wait_until_ready(self) -> None:
        """Wait for the end of its imports."""
        if self._ready:
            return
        try:
            receive(self.link, _START_SECONDS)
        except (Broken, TimeoutError):
            raise Refused("not_ready", "The decoder does not start; look at the service's log.") from None
        self._ready = True

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self.link.close()
        self._process.wait()
