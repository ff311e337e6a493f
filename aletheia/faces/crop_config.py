"""How faces are detected, cut out and saved: the settings of extraction, models and remedies, and their limits."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation

#: Ways to cut a face out, see :func:`~aletheia.faces.crop.crop_face`.
POLICIES = ("scale", "tight", "aligned")
MIN_SIZE, MAX_SIZE = 8, 4096  # pixels a side of a crop
MAX_MARGIN = 2.0  # of the box's side, on each side
MIN_RESOLUTION, MAX_RESOLUTION = 8, 2048  # pixels a side; less leaves nothing of a face
DEFAULT_DETECTOR = "blazeface"
#: Field → column of a manifest of crops that records it.
COLUMNS = {
    "size": "crop_size",
    "policy": "crop_policy",
    "margin": "crop_margin",
    "resolution": "crop_resolution",
    "detector": "crop_detector",
    "threshold": "crop_threshold",
}
#: Fields that decide which faces of a file are taken, and not how one of them is cut out; no property of a model.
SELECTION = frozenset({"largest_only", "min_size", "frames"})

Quality = Annotated[int, Field(ge=1, le=100)]


class CropConfig(BaseModel):
    """How faces are detected, cut out and saved.

    Raises
    ------
    InputError
        For a value out of its range, or an unknown field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    size: int = Field(128, ge=MIN_SIZE, le=MAX_SIZE, description="Side of the crop, pixels.")
    policy: Literal["scale", "tight", "aligned", "none"] = Field(
        "scale", description="How a face is cut out: scale, tight or aligned; none: the images are crops already."
    )
    margin: float = Field(
        0.2, ge=0, le=MAX_MARGIN, description="Added on each side of the box, as a share of the box's side."
    )
    # A remedy that was applied to every training face has to be applied to the faces that a model answers for, too.
    quality: tuple[Quality, Quality] | None = Field(
        None, description="Lowest and highest JPEG quality that a remedy saved the crops with; none: it did not."
    )
    resolution: int = Field(
        0, ge=0, le=MAX_RESOLUTION, description="Pixels a side that a remedy shrank the crops to; 0: it did not."
    )
    detector: str = Field(
        DEFAULT_DETECTOR,
        max_length=100,
        pattern=r"^[\w.-]+$",
        description="A name of `aletheia.faces.detectors.registry.list_detectors`.",
    )
    threshold: float = Field(0.75, gt=0, lt=1, description="Least confidence of the detector.")
    largest_only: bool = Field(True, description="Take the largest face of an image, not all.")
    min_size: int = Field(32, ge=0, description="Faces of fewer pixels a side are left out.")
    frames: int = Field(16, description="Frames of each video, evenly spread over its duration.")

    def __init__(self, **values: Any) -> None:
        """Check the values; an InputError names each field that does not fit."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(f"The face settings do not fit. {explain_validation(error, values=True)}.") from None

    @field_validator("quality")
    @classmethod
    def _check_quality(cls, quality: tuple[int, int] | None) -> tuple[int, int] | None:
        if quality and quality[0] > quality[1]:
            raise ValueError("the lower JPEG quality comes first")
        return quality

    @field_validator("resolution")
    @classmethod
    def _check_resolution(cls, resolution: int) -> int:
        if 0 < resolution < MIN_RESOLUTION:
            raise ValueError(f"nothing of a face is left below {MIN_RESOLUTION} pixels a side")
        return resolution

    @field_validator("frames")
    @classmethod
    def _check_frames(cls, frames: int) -> int:
        from aletheia.imaging.video import check_count  # numpy, which the options of a command line do not need

        check_count(frames)
        return frames

    def check_policy(self) -> None:
        """Refuse, by InputError, the policy "none", by which no face can be cut out of an image."""
        if self.policy not in POLICIES:
            raise InputError(f"The face policy {self.policy!r} cuts nothing out; choose one of {', '.join(POLICIES)}.")

    def cuts_alike(self, other: CropConfig) -> bool:
        """Whether both cut out and save a face that is already detected in the same way."""
        detection = SELECTION | {"detector", "threshold"}
        return self.model_dump(exclude=set(detection)) == other.model_dump(exclude=set(detection))

    def crop_key(self) -> bytes:
        """Serialise the fields that decide the pixels of an extracted crop, as a part of its file name.

        The default detector is left out: so are crops, and the journal of finished files, still found that were made
        when there was no other.
        """
        fields: list[Any] = [self.size, self.policy, self.margin, self.threshold]
        return json.dumps(fields + [self.detector] * (self.detector != DEFAULT_DETECTOR)).encode()

    def journal_key(self) -> bytes:
        """Serialise the fields that decide which crops a file gives."""
        return self.crop_key() + json.dumps([self.largest_only, self.min_size, self.frames]).encode()
