"""The embedded tracking service: the part of MLRun's REST API that local work needs, on SQLite.

:func:`ensure_tracking` is all that a notebook or a command needs; the stock MLRun client does the rest.
"""

from __future__ import annotations

__all__ = ["ensure_tracking"]


def ensure_tracking(progress: bool = False) -> str:
    """Return the address of a tracking server; see :func:`aletheia.tracking.connect.ensure_tracking`."""
    # Imported late: the service's own process passes through here and starts a third faster without the
    # settings.
    from aletheia.tracking import connect

    return connect.ensure_tracking(progress)
