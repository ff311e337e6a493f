"""The error of a refused request, and its HTTP status."""

from __future__ import annotations

from collections.abc import Sequence

from aletheia.core.errors import InputError

#: HTTP status of each kind of refusal.
STATUS = {
    "bad_request": 400,
    "unauthorised": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_slow": 408,
    "too_large": 413,
    "unknown_format": 415,
    "bad_image": 422,
    "bad_video": 422,
    "cancelled": 409,
    "busy": 429,
    "model_failed": 503,
    "no_space": 503,
    "not_ready": 503,
    "timeout": 504,
}


class RequestError(InputError):
    """A request that is refused.

    Parameters
    ----------
    kind : str
        One of `STATUS`.
    message : str
        A sentence for the client, with the remedy.
    retry_after : int, optional
        Seconds after which the client may try again.
    allow : sequence of str, optional
        Methods that the path has, where the kind is ``"method_not_allowed"``.
    """

    def __init__(self, kind: str, message: str, *, retry_after: int | None = None, allow: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.allow = allow
        self.kind, self.status, self.retry_after = kind, STATUS[kind], retry_after
