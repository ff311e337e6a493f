"""What every HTTP service of this project checks of a request, and the headers that its answers carry."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
from collections.abc import Collection, Mapping
from typing import Literal

from aletheia.core.hosts import LOCAL_NAMES, host_of, is_address

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
#: Asks browsers for the key, as the password of Basic authentication.
AUTHENTICATE = 'Basic realm="Aletheia", charset="UTF-8"'


def foreign_header(
    headers: Mapping[str, str], names: Collection[str] = (), *, checks_host: bool
) -> Literal["", "Host", "Origin"]:
    """Find the header by which a request comes from a page of another site.

    Parameters
    ----------
    headers : mapping of str to str
        Of the request, names in lower case.
    names : collection of str
        Host names of the service besides those of this machine.
    checks_host : bool
        Whether ``Host`` must be one of them or an address (DNS rebinding).

    Returns
    -------
    str
        "Host" or "Origin", or an empty text when there is none.
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    name = host_of(f"//{host}") or ""
    if host and checks_host and name not in LOCAL_NAMES and name not in names and not is_address(name):
        return "Host"
    # A proxy may call this service by another name than the browser did.
    if origin is not None and origin.partition("://")[2] != host and host_of(origin) not in names:
        return "Origin"
    return ""


def sends_key(headers: Mapping[str, str], key: str) -> bool:
    """Tell whether a request has the key: as bearer token, as ``X-API-Key``, or as password of Basic authentication."""
    return any(hmac.compare_digest(sent, key.encode()) for sent in _sent_keys(headers))


def _sent_keys(headers: Mapping[str, str]) -> list[bytes]:
    """Return all values of a request that may be the key."""
    keys = [headers["x-api-key"].encode("latin-1")] if "x-api-key" in headers else []
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        keys.append(value.strip().encode("latin-1"))
    elif scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, ValueError):
            keys.append(base64.b64decode(value, validate=True).partition(b":")[2])
    return keys
