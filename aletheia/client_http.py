"""HTTP client of a service that runs elsewhere, used by `aletheia.client.Detector`."""

from __future__ import annotations

import base64
import contextlib
import copy
import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from aletheia.client_types import ModelNote
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.hosts import LOCAL_NAMES, host_of
from aletheia.imaging.reading import read_image
from aletheia.inference.options import DEFAULT, PredictOptions
from aletheia.inference.predictor import FaceScore, Prediction, open_picture
from aletheia.inference.video import PersonScore, VideoPrediction
from aletheia.lifecycle.experiments.assignment import KEY_HEADER

if TYPE_CHECKING:
    from PIL.Image import Image

#: Kinds of errors that are due to the file, not to the request: they make an answer, as from a model on this machine.
FILE_ERRORS = ("bad_image", "bad_video", "unknown_format", "too_large")
_POLL_SECONDS = 0.5  # between two requests for the state of a job
_LONGEST_KEY = 1000  # characters
_MAX_RETRY_AFTER = 30.0  # seconds that a service may ask to wait
_NOTES = ("trained_on", "kind_note", "device")  # services of earlier versions lack some
_FACE_FIELDS = tuple(field.name for field in dataclasses.fields(FaceScore))


class HttpModel:
    """The model of a service.

    Parameters
    ----------
    url : str
        ``http://…`` or ``https://…``.
    api_key : str, optional
        API key of the service.
    retry_seconds : float
        Seconds in which requests are repeated when the service is busy and names a time to come back by Retry-After.
    timeout : float
        Seconds that the service may take for an answer.

    Attributes
    ----------
    note : ModelNote
        Description of the model.

    Raises
    ------
    InputError
        When no service, or none of this kind, answers at the address.
    """

    def __init__(
        self, url: str, api_key: str | None = None, *, retry_seconds: float = 60.0, timeout: float = 120.0
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._url, self._retry_seconds = url.rstrip("/"), retry_seconds
        self._headers: dict[bytes, bytes] = {}
        # A redirect would send the key and the image to another host, and so would a proxy of the environment that is
        # used for this very machine.
        is_local = host_of(self._url) in LOCAL_NAMES
        self._client = httpx.Client(headers=headers, timeout=timeout, follow_redirects=False, trust_env=not is_local)
        try:
            self.note = self._describe()
        except BaseException:
            self.close()
            raise

    def keyed(self, key: str) -> HttpModel:
        """Return this model for one caller, see `aletheia.client.Detector.predict`; it has the same connections."""
        if not 0 < len(key) <= _LONGEST_KEY or not key.isprintable() or key != key.strip():
            raise InputError(f"A key is a printable text of 1 to {_LONGEST_KEY} characters without blanks around it.")
        model = copy.copy(self)
        model._headers = {KEY_HEADER.encode(): key.encode()}
        return model

    def predict_image(
        self, source: str | Path | bytes | Array | Image, options: PredictOptions = DEFAULT
    ) -> Prediction:
        """Classify an image, as `aletheia.inference.predictor.Predictor.predict` does."""
        path = "/v1/predict"
        notes: tuple[str, ...] = ()
        try:
            if isinstance(source, str | Path | bytes):
                name, data = _read(source)
            else:
                picture = open_picture(source)
                name, data, notes = "", _encode_png(picture.rgb), picture.notes
        except InputError as error:
            return Prediction("error", None, reason=str(error))
        try:
            answer = self._send(path, name, data, _fields(options))
            return Prediction(
                answer["verdict"],
                answer["probability"],
                _faces(answer["faces"]),
                answer["reason"],
                (*notes, *answer.get("notes", ())),
                tuple(_decode_png(face["crop"]) for face in answer["faces"]) if options.crops else (),
                id=answer.get("id", ""),
            )
        except _UnusableFileError as error:
            return Prediction("error", None, reason=str(error))
        except (KeyError, TypeError):
            raise self._protocol_error(path) from None

    def predict_video(
        self,
        source: str | Path | bytes,
        frames: int | None,
        aggregation: str | None,
        options: PredictOptions = DEFAULT,
    ) -> VideoPrediction:
        """Classify a video, as `aletheia.inference.video.predict_video` does."""
        if aggregation:
            raise InputError("A service combines the frames as its model says; leave the aggregation out.")
        path = "/v1/jobs"
        try:
            name, data = _read(source)
            job = self._send(path, name, data, _fields(options) | ({"frames": str(frames)} if frames else {}))
            answer = self._await_result(job, name)
            people = tuple(
                PersonScore(**{**person, "times": tuple(person["times"]), "faces": _faces(person["faces"])})
                for person in answer["people"]
            )
            return VideoPrediction(
                answer["verdict"],
                answer["probability"],
                people,
                answer["frames"],
                answer["aggregation"],
                answer["reason"],
                tuple(answer.get("notes", ())),
                answer.get("id", ""),
            )
        except _UnusableFileError as error:
            return VideoPrediction("error", None, reason=str(error))
        except (KeyError, TypeError):
            raise self._protocol_error(path) from None

    def feedback(
        self, answer: str, label: str, source: str, *, detail: str, note: str, picture: str | Path | bytes | None
    ) -> str:
        """Say what the truth about an answer is, see `aletheia.client.Detector.feedback`."""
        said = {"id": answer, "label": label, "source": source, "detail": detail, "note": note}
        path = "/v1/feedback"
        if picture is None:
            return str(self._request("POST", path, json=said).get("message", ""))
        name, data = _read(picture)
        return str(self._send(path, name, data, said | {"consent": "true"}).get("message", ""))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _describe(self) -> ModelNote:
        try:
            (name,) = self._request("GET", "/v2/models")["models"]
            model = self._request("GET", f"/v2/models/{name}")
            notes = {name: str(model.get(name) or "") for name in _NOTES}
            return ModelNote(model["uri"], model["versions"][0], **notes)
        except InputError:
            raise
        except (KeyError, TypeError, IndexError, ValueError):
            raise self._protocol_error("/v2/models") from None

    def _send(self, path: str, name: str, data: bytes, fields: dict[str, str]) -> dict[str, Any]:
        return self._request("POST", path, name, files={"file": ("file", data)}, data=fields)

    def _await_result(self, job: dict[str, Any], name: str) -> dict[str, Any]:
        """Wait for the result of a job, and delete it from the service, also when waiting is interrupted."""
        path = f"/v1/jobs/{job['id']}"
        try:
            while job["state"] in ("waiting", "running"):
                time.sleep(_POLL_SECONDS)
                job = self._request("GET", path, retry_lost=True)
        finally:
            with contextlib.suppress(httpx.HTTPError):
                self._client.delete(self._url + path)
        if job["state"] == "done":
            result: dict[str, Any] = job["result"]
            return result
        raise self._refusal(job["error"] or {"kind": job["state"], "message": "The job was cancelled."}, name)

    def _request(
        self, method: str, path: str, name: str = "", retry_lost: bool = False, **content: Any
    ) -> dict[str, Any]:
        """Send a request, and parse the answer.

        Parameters
        ----------
        method, path
            Of the request.
        name : str
            File that is sent, for messages.
        retry_lost : bool
            Whether to send the request again when no answer came, too.
        **content
            Body, as httpx takes it.

        Raises
        ------
        InputError
            When the service refuses, does not answer, or its answer is of another form.
        """
        response = self._send_until_answered(method, path, retry_lost, content)
        try:
            answer = response.json()
            error = None if response.is_success else _error_of(answer)
        except (ValueError, KeyError, TypeError):
            raise self._protocol_error(path, response.status_code) from None
        if error is not None:
            raise self._refusal(error, name)
        if not isinstance(answer, dict):
            raise self._protocol_error(path, response.status_code)
        return answer

    def _send_until_answered(self, method: str, path: str, retry_lost: bool, content: dict[str, Any]) -> httpx.Response:
        """Send a request, and repeat it while the service asks for that and the time for retries is not over."""
        deadline = time.monotonic() + self._retry_seconds
        while True:
            try:
                response = self._client.request(method, self._url + path, headers=self._headers, **content)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                # A running job must not be given up because one request for its state was lost.
                pause = _POLL_SECONDS if retry_lost and isinstance(error, httpx.TransportError) else math.inf
                if time.monotonic() + pause > deadline:
                    message = f"{self._url} does not answer ({error}). Is `aletheia serve` running there?"
                    raise InputError(message) from None
            else:
                retry_after = _retry_after(response)
                if retry_after is None or time.monotonic() + retry_after > deadline:
                    return response
                pause = retry_after
            time.sleep(pause)

    def _refusal(self, error: dict[str, str], name: str) -> InputError:
        if error["kind"] in FILE_ERRORS:
            return _UnusableFileError(f"{name}: {error['message']}" if name else error["message"])
        return InputError(f"{self._url} refuses: {error['message']}")

    def _protocol_error(self, path: str, status: int = 200) -> InputError:
        return InputError(
            f"The answer of {self._url}{path} (status {status}) is not one of `aletheia serve`. "
            "Is the address right, and is the service of the same version?"
        )


class _UnusableFileError(InputError):
    """The file cannot be used; the service is in order."""


def _error_of(answer: dict[str, Any]) -> dict[str, str]:
    """Return kind and message of a failure; in the V2 protocol they are not nested."""
    error = answer["error"]
    fields = {"kind": answer["kind"], "message": error} if isinstance(error, str) else error
    return {key: str(fields[key]) for key in ("kind", "message")}


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds after which a busy service asks to be called again; None if it does not."""
    text = response.headers.get("retry-after")
    if response.status_code not in (429, 503) or text is None:
        return None
    return min(max(float(text), 0.1), _MAX_RETRY_AFTER) if text.isascii() and text.isdigit() else 1.0


def _read(source: str | Path | bytes) -> tuple[str, bytes]:
    """Return the name, which is empty for bytes, and the content."""
    if isinstance(source, bytes):
        return "", source
    try:
        return str(source), Path(source).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _UnusableFileError(f"{source}: cannot be opened ({reason}). Leave it out or replace it.") from None


def _encode_png(rgb: Array) -> bytes:
    """Encode pixels (height, width, 3) without loss."""
    import cv2

    return cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _decode_png(text: str) -> Array:
    return read_image(base64.b64decode(text))


def _fields(options: PredictOptions) -> dict[str, str]:
    """Return the fields of a form for the wishes that differ from the service's own way."""
    fields = {} if options.threshold is None else {"threshold": repr(options.threshold)}
    fields |= {} if options.use_calibration else {"use_calibration": "false"}
    return fields | ({"crops": "true"} if options.crops else {})


def _faces(answers: Sequence[dict[str, Any]]) -> tuple[FaceScore, ...]:
    """Convert the faces of an answer; fields that are only of the HTTP API are left out."""
    return tuple(
        FaceScore(**{key: value for key, value in {**face, "box": tuple(face["box"])}.items() if key in _FACE_FIELDS})
        for face in answers
    )
