"""Typical power spectra of a model's training faces, as its JSON keeps them. Needs no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: A spectrum is taken of a square of the network's input size, no larger and no smaller than this.
SMALLEST, LARGEST = 32, 256
Decibels = Annotated[float, Field(ge=-200, le=200)]
Values = Annotated[tuple[Decibels, ...], Field(max_length=LARGEST // 2)]


class TypicalSpectrum(BaseModel):
    """Spectra of one class: at each frequency the mean, the 5th and the 95th percentile of the faces, decibels."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    faces: int = Field(ge=1, description="Number of faces.")
    mean: Values
    low: Values
    high: Values


class TypicalSpectra(BaseModel):
    """Spectra of real and of fake training faces, see `aletheia.imaging.power_spectrum.radial_spectrum`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    size: int = Field(ge=SMALLEST, le=LARGEST, multiple_of=2, description="Side of the resized faces, pixels.")
    real: TypicalSpectrum | None = None
    fake: TypicalSpectrum | None = None

    @model_validator(mode="after")
    def _check_lengths(self) -> TypicalSpectra:
        parts = [part for part in (self.real, self.fake) if part]
        if any(len(v) != self.size // 2 for part in parts for v in (part.mean, part.low, part.high)):
            raise ValueError("a spectrum has as many values as half of its size")
        return self


def spectrum_size(input_size: int) -> int:
    """Return the side that crops are resized to: the network's input, made even and held between the two limits."""
    return min(max(input_size // 2 * 2, SMALLEST), LARGEST)
