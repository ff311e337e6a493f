"""By which names machines are called in requests."""

from __future__ import annotations

from urllib.parse import urlsplit

# Names under which this machine calls itself. A page of a foreign site can make a browser connect here, but
# then the request carries the foreign name (DNS rebinding) or the foreign origin (cross-site requests).
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "host.docker.internal"})


def host_of(url: str) -> str | None:
    """The name in a URL, or in a Host header with "//" before it, in small letters; None when there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
