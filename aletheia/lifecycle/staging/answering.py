"""Which version a running service answers with, and how long it takes until that is another."""

from __future__ import annotations

import contextlib
import os
import time

import httpx

from aletheia.core.errors import InputError

_PAUSE = 0.05


def answering_model(client: httpx.Client) -> tuple[str, str]:
    """Return version and beginning of the hash of the weights of the model that a service answers from.

    Raises
    ------
    HTTPError
        When it does not answer as our service does.
    """
    listed = client.get("/v2/models").raise_for_status().json()
    described = client.get(f"/v2/models/{listed['models'][0]}").raise_for_status().json()
    return str(described.get("release") or ""), str(described["versions"][0])


def ask_version(url: str) -> tuple[str, str]:
    """Return the same of the service at an address; InputError when none answers there."""
    key = os.environ.get("ALETHEIA_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=5.0, trust_env=False) as client:
            return answering_model(client)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"No service of this project answers at {url}: {error}. Name the address of a running `aletheia serve`; "
            "its key is taken from ALETHEIA_API_KEY."
        ) from None


def wait_for_version(url: str, version: str, seconds: float = 30.0) -> float:
    """Wait until a running service answers with a version; return how many seconds that took.

    Raises
    ------
    InputError
        When it does not in time; the model stays in production.
    """
    began = time.monotonic()
    found = ""
    while (waited := time.monotonic() - began) <= seconds:
        with contextlib.suppress(InputError):  # it may be restarting
            found = ask_version(url)[0]
            if found == version:
                return round(time.monotonic() - began, 3)
        time.sleep(_PAUSE)
    raise InputError(
        f"{version} is in production, but the service at {url} still answers with {found or 'nothing'} after "
        f"{waited:.0f} s. A service that was started with a model of its own does not follow; its log says more."
    )
