"""Host names and addresses in URLs and request headers."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

# Names of this machine. A page of a foreign site can make a browser connect here, but then the request carries the
# foreign name (DNS rebinding) or the foreign origin (cross-site requests).
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "host.docker.internal"})


def host_of(url: str) -> str | None:
    """Return the host in a URL, or in a Host header with "//" before it, in lower case; None when there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Tell whether a server at this address is reachable from this machine alone."""
    address = _address(host)
    return host in LOCAL_NAMES if address is None else address.is_loopback


def is_address(host: str) -> bool:
    """Tell whether this is an IP address, which DNS rebinding cannot forge in a Host header."""
    return _address(host) is not None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
