"""The lock under which the models of a project are changed: what is in production, what is retired, which files go."""

from __future__ import annotations

from contextlib import AbstractContextManager

from aletheia.core.process_lock import waiting_lock
from aletheia.core.settings import get_settings


def models_lock() -> AbstractContextManager[None]:
    """Return the lock of this ALETHEIA_HOME, to be held for the moment of a change; others wait so long."""
    return waiting_lock(get_settings().home / "models.lock")
