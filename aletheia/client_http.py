"""A service that runs elsewhere, asked over HTTP: what `aletheia.client.Detector` uses for an address."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from aletheia.client_types import ModelNote
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.hosts import LOCAL_NAMES, host_of
from aletheia.inference.predictor import FaceScore, Prediction, checked_pixels
from aletheia.inference.video import PersonScore, VideoPrediction

#: What a service refuses because of the file, not of the request: an answer, as from a model on this machine.
FILE_ERRORS = ("bad_image", "bad_video", "unknown_format", "too_large")
_PAUSE = 0.5  # seconds between two questions after a video that is at work
_LONGEST_PAUSE = 30.0  # that a service may ask for
_FACE = tuple(field.name for field in dataclasses.fields(FaceScore))


class Remote:
    """A service at an address.

    Parameters
    ----------
    url : str
        ``http://…`` or ``https://…``.
    api_key : str, optional
        That it asks for.
    patience : float
        Seconds in which it is asked again when it is busy and says, by Retry-After, when to come back.
    timeout : float
        Seconds that it may take for an answer.

    Raises
    ------
    InputError
        When nobody answers there, or nobody that speaks this language.
    """

    def __init__(self, url: str, api_key: str | None = None, *, patience: float = 60.0, timeout: float = 120.0) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._url, self._patience = url.rstrip("/"), patience
        # A redirect would carry the key and the picture to somebody else, and so would a proxy of the environment
        # that is asked for this very machine.
        here = host_of(self._url) in LOCAL_NAMES
        self._client = httpx.Client(headers=headers, timeout=timeout, follow_redirects=False, trust_env=not here)
        try:
            self.note = self._describe()
        except BaseException:
            self.close()
            raise

    def image(self, source: str | Path | bytes | Array) -> Prediction:
        """The answer for a picture, as `aletheia.inference.predictor.Predictor.predict` gives it."""
        try:
            name, data = _content(_png(checked_pixels(source)) if isinstance(source, np.ndarray) else source)
        except InputError as error:
            return Prediction("error", None, reason=str(error))
        try:
            said = self._send("/v1/predict", name, data, {})
            return Prediction(said["verdict"], said["probability"], _faces(said["faces"]), said["reason"])
        except _UnusableFileError as error:
            return Prediction("error", None, reason=str(error))
        except (KeyError, TypeError):
            raise self._strange("/v1/predict") from None

    def video(self, source: str | Path | bytes, frames: int | None, aggregation: str | None) -> VideoPrediction:
        """The answer for a video, as `aletheia.inference.video.predict_video` gives it."""
        if aggregation:
            raise InputError("A service makes one score of many frames as its model says; leave the aggregation out.")
        try:
            name, data = _content(source)
            said = self._result(self._send("/v1/jobs", name, data, {"frames": str(frames)} if frames else {}), name)
            people = tuple(
                PersonScore(**{**one, "times": tuple(one["times"]), "faces": _faces(one["faces"])})
                for one in said["people"]
            )
            whole = (said["verdict"], said["probability"], people, said["frames"], said["aggregation"], said["reason"])
            return VideoPrediction(*whole)
        except _UnusableFileError as error:
            return VideoPrediction("error", None, reason=str(error))
        except (KeyError, TypeError):
            raise self._strange("/v1/jobs") from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _describe(self) -> ModelNote:
        try:
            (name,) = self._ask("GET", "/v2/models")["models"]
            model = self._ask("GET", f"/v2/models/{name}")
            return ModelNote(model["uri"], model["versions"][0], model.get("trained_on", ""))
        except (KeyError, TypeError, IndexError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise self._strange("/v2/models") from None

    def _send(self, path: str, name: str, data: bytes, fields: dict[str, str]) -> dict[str, Any]:
        return self._ask("POST", path, name, files={"file": ("file", data)}, data=fields)

    def _result(self, job: dict[str, Any], name: str) -> dict[str, Any]:
        """The answer of a job. It is forgotten there once it is fetched, or when nobody waits for it any more."""
        path = f"/v1/jobs/{job['id']}"
        try:
            while job["state"] in ("waiting", "running"):
                time.sleep(_PAUSE)
                job = self._ask("GET", path, patient=True)
        finally:
            with contextlib.suppress(httpx.HTTPError):
                self._client.delete(self._url + path)
        if job["state"] == "done":
            return job["result"]
        raise self._refusal(job["error"] or {"kind": job["state"], "message": "The job was cancelled."}, name)

    def _ask(self, method: str, path: str, name: str = "", patient: bool = False, **content: Any) -> dict[str, Any]:
        """Send a request; again, as long as the patience lasts, when the service asks for that, or says nothing."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                response = self._client.request(method, self._url + path, **content)
                pause = _retry_after(response)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                # A job that is at work there must not be given up because one question after it was lost.
                pause = _PAUSE if patient and isinstance(error, httpx.TransportError) else math.inf
                if time.monotonic() + pause > deadline:
                    told = f"{self._url} does not answer ({error}). Is `aletheia serve` running there?"
                    raise InputError(told) from None
                time.sleep(pause)
                continue
            if pause is None or time.monotonic() + pause > deadline:
                break
            time.sleep(pause)
        try:
            said = response.json()
            error = None if response.is_success else _error(said)
        except (ValueError, KeyError, TypeError):
            raise self._strange(path, response.status_code) from None
        if error is not None:
            raise self._refusal(error, name)
        return said

    def _refusal(self, error: dict[str, str], name: str) -> InputError:
        if error["kind"] in FILE_ERRORS:
            return _UnusableFileError(f"{name}: {error['message']}" if name else error["message"])
        return InputError(f"{self._url} refuses: {error['message']}")

    def _strange(self, path: str, status: int = 200) -> InputError:
        return InputError(
            f"What {self._url}{path} answers (status {status}) is not the language of `aletheia serve`. "
            "Is the address right, and of the same version?"
        )


class _UnusableFileError(InputError):
    """The file is what is wrong, not the service."""


def _error(said: dict[str, Any]) -> dict[str, str]:
    """Kind and message of a failure; the V2 protocol has them side by side."""
    error = said["error"]
    both = {"kind": said["kind"], "message": error} if isinstance(error, str) else error
    return {key: str(both[key]) for key in ("kind", "message")}


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds after which a service that cannot answer now wants to be asked again; None when it does not."""
    text = response.headers.get("retry-after")
    if response.status_code not in (429, 503) or text is None:
        return None
    return min(max(float(text), 0.1), _LONGEST_PAUSE) if text.isascii() and text.isdigit() else 1.0


def _content(source: str | Path | bytes) -> tuple[str, bytes]:
    """Name, empty for bytes, and content."""
    if isinstance(source, bytes):
        return "", source
    try:
        return str(source), Path(source).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _UnusableFileError(f"{source}: cannot be opened ({reason}). Leave it out or replace it.") from None


def _png(rgb: Array) -> bytes:
    """The pixels as a file that loses nothing."""
    import cv2

    return cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _faces(told: Sequence[dict[str, Any]]) -> tuple[FaceScore, ...]:
    return tuple(
        FaceScore(**{key: value for key, value in {**one, "box": tuple(one["box"])}.items() if key in _FACE})
        for one in told
    )
