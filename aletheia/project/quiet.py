"""MLRun's log lines and run tables kept off a notebook and off the terminal."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from typing import TextIO

#: A record of MLRun's human-readable formatter that is no warning and no error, or a warning of which nothing follows:
#: of a handler that is called in place, without a file; of a grid with a list among its parameters, whose parallel
#: coordinates MLRun cannot draw (search_overview draws its own).
_INFO = re.compile(
    r"> \d{4}-\d\d-\d\d [\d:.,]+ \[(info\]|debug\]"
    r"|warning\] (run command, file or code were not specified|failed to log iter artifacts, unhashable type))"
)


class WarningsOnly:
    """A stream that drops MLRun's information lines and passes the rest on.

    Parameters
    ----------
    stream : text stream
        Where the rest goes. MLRun's logger writes each record in one call, which is what is looked at.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text unless it is an information line; return its length either way."""
        if not _INFO.match(text):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Return whether the stream behind is a terminal."""
        return self._stream.isatty()


@contextlib.contextmanager
def quiet_mlrun() -> Iterator[None]:
    """Keep MLRun's information lines and its table of each run out of the output; warnings and errors stay.

    The log that a run keeps in the tracking service stays whole.
    """
    import mlrun

    handler = mlrun.utils.logger.get_handler("default")
    original, show_tables = handler.stream, mlrun.mlconf.ipython_widget
    mlrun.utils.logger.replace_handler_stream("default", WarningsOnly(original))
    mlrun.mlconf.ipython_widget = False
    try:
        with contextlib.redirect_stdout(WarningsOnly(sys.stdout)):
            yield
    finally:
        mlrun.utils.logger.replace_handler_stream("default", original)
        mlrun.mlconf.ipython_widget = show_tables
