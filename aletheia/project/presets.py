"""Named recipes: options of a run that go together, chosen by trainings without a source (second case study)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aletheia.core.errors import InputError
from aletheia.project.option_values import split_pairs


class Preset(NamedTuple):
    """A recipe: what it is for, in one sentence, and its options."""

    sentence: str
    options: Mapping[str, Any]


PRESETS: dict[str, Preset] = {
    "photographs": Preset(
        "Pictures of strangers: a logistic regression on frozen ImageNet features of aligned faces that are all "
        "delivered at 64 pixels, which answers only where few answers are wrong on every source that was left out.",
        {
            "architecture": "efficientnet_lite0",
            "face_policy": "aligned",
            "face_margin": 0.0,
            "image_size": 224,
            "remedies": ["reencode=60-95", "resolution=64"],
            "learning_rates": [1e-3],
            "batch_sizes": [16],
            "search_columns": {"weight_decay": [3e-3, 3e-2, 3e-1]},
            "recipe": {"weights": "package", "features": "frozen", "abstention_wrong": 0.15},
            "source_folds": 5,
        },
    ),
    "own-sources": Preset(
        "Pictures like those of the training: the small network, trained from scratch on aligned faces that are all "
        "delivered at 64 pixels.",
        {
            "architecture": "attention_cnn",
            "face_policy": "aligned",
            "face_margin": 0.0,
            "image_size": 64,
            "remedies": ["reencode=60-95", "resolution=64"],
        },
    ),
}


def check_preset(name: str) -> None:
    """Raise InputError for a preset that there is none of."""
    if name and name not in PRESETS:
        raise InputError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")


def with_preset(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the options of the last preset that is named below the layer that names it.

    The options of that layer and of later ones win; their ``recipe`` is added to that of the preset.

    Parameters
    ----------
    layers : list of dict
        Options by their present names, later ones win.
    """
    named = [place for place, layer in enumerate(layers) if layer.get("preset") is not None]
    if not named or (name := layers[named[-1]]["preset"]) not in PRESETS:
        return layers
    preset, place = PRESETS[name].options, named[-1]
    later = [
        {**layer, "recipe": {**preset.get("recipe", {}), **(split_pairs(layer["recipe"]) or {})}}
        if layer.get("recipe") is not None
        else layer
        for layer in layers[place:]
    ]
    return [*layers[:place], dict(preset), *later]
