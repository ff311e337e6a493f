"""From a picture to the input of a network, as in the training."""

from __future__ import annotations

from pathlib import Path

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.crop import crop_shrunk
from aletheia.faces.face import Face
from aletheia.imaging.transforms import as_resaved, drawn_quality, resize_rgb
from aletheia.models.spec import ModelSpec


def check_cuts_faces(bundle: str | Path, spec: ModelSpec) -> None:
    """Raise InputError for a model that does not say how to cut a face out of a picture."""
    if spec.crop.policy == "none":
        raise InputError(
            f"{bundle} cannot answer for pictures: it was trained on crops, and nothing says how they were cut out "
            "(face policy 'none'). Train it on faces that this package cut out: aletheia run"
        )


def largest_face(spec: ModelSpec) -> float:
    """Return the side in pixels of the largest face that the model learnt from; 0 when it is not recorded."""
    rules = spec.abstention
    return rules.ranges["face_size"][1] if rules is not None and "face_size" in rules.ranges else 0.0


def network_input(rgb: Array, face: Face, spec: ModelSpec) -> Array:
    """Cut a face out of a picture as in the training of a model, and resize it to the input of its network.

    A face larger than all of the training is first shrunk to the largest of those: cut out at once, it would be sharper
    than any picture that the network knows.

    Returns
    -------
    (input_size, input_size, 3) uint8
    """
    crop = crop_shrunk(rgb, face, spec.crop, largest_face(spec))
    if spec.crop.quality or spec.crop.resolution:
        quality = drawn_quality(crop, *spec.crop.quality) if spec.crop.quality else None
        crop = as_resaved(crop, quality, spec.crop.resolution)
    return resize_rgb(crop, spec.input_size)
