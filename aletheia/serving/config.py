"""Configuration of `aletheia serve`, with the limits that keep hostile or careless requests from doing harm."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from aletheia.core.cores import cores
from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation
from aletheia.lifecycle.feedback import place as feedback
from aletheia.lifecycle.prediction_log.place import MAX_BYTES

API_KEY = "ALETHEIA_API_KEY"
#: Fields that `aletheia serve --limit name=value` can set.
LIMITS = (
    "max_upload_bytes", "max_video_bytes", "max_kept_bytes", "max_pixels", "max_frames", "default_frames",
    "max_duration_s", "request_timeout_s", "decode_timeout_s", "decode_memory_bytes", "queue", "jobs",
    "max_log_bytes", "max_feedback_bytes", "max_feedback_picture_bytes", "feedback_per_hour",
    "max_shadow_bytes",
)  # fmt: skip

_HOST = re.compile(r"[0-9A-Za-z._-]{1,253}")
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ServeConfig(BaseModel):
    """Configuration of the service; an unknown field or a value out of range is an InputError."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[str, ...] = Field((), description="Tags, store://models/… URIs or folders; none: the tag production.")
    weights: tuple[Weight, ...] = Field(
        (), description="Weights of the models when several answer as one; none: all alike."
    )
    challenger: str = Field("", description="Model that answers a share of the requests; empty: none.")
    split: float = Field(0.1, gt=0, le=0.9, description="The challenger's share of the requests.")
    shadow: str = Field(
        "", description="Model that scores what another answered; with a challenger the same one; empty: none."
    )
    precision: Literal["f32", "bf16", "int8"] = Field(
        "f32", description="Precision of the networks; the latter two if measured."
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    names: tuple[str, ...] = Field(
        (), description="Host names of this service; none: on the loopback those of this machine, else any."
    )
    port: int = Field(7860, ge=0, le=65535, description="0 takes a free one.")
    api_key: SecretStr | None = Field(
        None, description=f"Key that clients must send; default: {API_KEY}; none: everybody is answered."
    )
    trust_anchors: str = Field(
        "", max_length=500_000, description="Certificates (PEM) by which signers of content credentials are trusted."
    )
    page: bool = Field(True, description="Whether there is a page for people at /.")
    prediction_log: str = Field("", description="File of the prediction log; empty: none is written.")
    max_log_bytes: int = Field(
        MAX_BYTES, ge=1_000_000, description="Limit of the prediction log; the oldest rows make room."
    )
    keep_feedback_pictures: bool = Field(
        False, description="Whether pictures that are sent with feedback and consent are kept."
    )
    max_feedback_bytes: int = Field(
        feedback.MAX_BYTES, ge=100_000, description="Limit of the store of feedback; a full one takes nothing more."
    )
    max_feedback_picture_bytes: Count = Field(
        feedback.MAX_PICTURE_BYTES, description="Limit of all pictures that are kept; then no more are taken."
    )
    feedback_per_hour: Count = Field(60, description="Answers that one caller may say something about in an hour.")

    max_upload_bytes: Count = Field(50_000_000, description="Limit of a picture.")
    max_video_bytes: Count = Field(500_000_000, description="Limit of a video.")
    max_kept_bytes: Count = Field(
        4_000_000_000, description="Limit of all files together that arrive, wait or are examined."
    )
    max_shadow_bytes: Count = Field(
        256_000_000, description="Limit of the pixels that wait for the model that does not answer."
    )
    max_pixels: Count = Field(120_000_000, description="Limit of a picture, and of a frame.")
    max_frames: int = Field(64, ge=1, le=10_000, description="Limit of the frames of a video that are scored.")
    default_frames: int = Field(
        16, ge=1, description="Frames of a video that are scored unless the request names a number."
    )
    max_duration_s: Seconds = Field(3600.0, description="Limit of a video.")
    request_timeout_s: Seconds = Field(60.0, description="Limit of one answer, its time in the queue included.")
    decode_timeout_s: Seconds = Field(20.0, description="Limit of decoding a picture, or one frame.")
    decode_memory_bytes: int = Field(2 << 30, ge=256 << 20, description="Address space of a decoding process.")
    queue: int = Field(32, ge=0, description="Requests that wait, at most; further ones are refused.")
    workers: Count = Field(default_factory=cores, description="Requests that are answered side by side.")
    jobs: Count = Field(8, description="Long videos that are kept: waiting, running and done.")

    @field_validator("names")
    @classmethod
    def _check_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in names if not _HOST.fullmatch(name)]:
            raise ValueError(f"{wrong[0]!r} is no host name; give it as in faces.example, without port and path")
        return tuple(name.lower() for name in names)

    @model_validator(mode="after")
    def _check_counts(self) -> ServeConfig:
        if self.weights and len(self.weights) != len(self.models):
            raise ValueError(f"{len(self.weights)} weights for {len(self.models)} models; give one each, or none")
        if self.challenger and self.shadow not in ("", self.challenger):
            raise ValueError(
                f"the challenger is {self.challenger!r} and the shadow {self.shadow!r}; one experiment at a time: "
                "name the same model twice, or one of them"
            )
        if self.shadow and not self.prediction_log:
            raise ValueError("a shadow's scores are kept in the prediction log alone, and none is written")
        if self.keep_feedback_pictures and not self.prediction_log:
            raise ValueError("keep_feedback_pictures needs a prediction log, by which answers are known")
        if self.default_frames > self.max_frames:
            raise ValueError("default_frames must not exceed max_frames")
        return self

    def __init__(self, **values: Any) -> None:
        """Check the values; without a key, the one in the environment is taken."""
        if values.get("api_key") is None and os.environ.get(API_KEY):
            values["api_key"] = os.environ[API_KEY]
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(f"The service cannot be set up like this. {explain_validation(error)}") from None


def followed_models(config: ServeConfig) -> tuple[str, str] | None:
    """Return project and key of the models whose production a service follows; None for one that does not.

    It follows when no model is named, or the tag production alone, as a word or in a URI.
    """
    from aletheia.release.registry import MODEL_KEY, PRODUCTION, PROJECT  # it brings OpenCV: not for every command

    if config.models in ((), ("",), (PRODUCTION,)):
        return PROJECT, MODEL_KEY
    uri = re.compile(rf"store://models/([\w-]+)/([\w.-]+):{PRODUCTION}")
    match = uri.fullmatch(config.models[0]) if len(config.models) == 1 else None
    return (match[1], match[2]) if match else None
