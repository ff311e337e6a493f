"""Model card and limits, as the page and the routes show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aletheia.imaging.decoding import IMAGE_SUFFIXES
from aletheia.imaging.media_types import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from aletheia.models.spec import ModelSpec
    from aletheia.serving.config import ServeConfig
    from aletheia.serving.model_loading import LoadedModel

_CARD = "README.md"
_MAX_CARD = 1_000_000  # characters of a card that are shown


def model_card(loaded: LoadedModel) -> str:
    """Return the card beside the model without its front matter, or one made from the model's JSON."""
    file = loaded.folder / _CARD
    if not file.is_file():
        return _generated_card(loaded.spec, loaded.uri)
    with file.open(encoding="utf-8", errors="replace") as stream:
        text = stream.read(_MAX_CARD)
    if text.startswith("---\n"):
        text = text.partition("\n---\n")[2] or text
    return text.strip() + "\n"


def _generated_card(spec: ModelSpec, uri: str) -> str:
    lines = [
        "# What this model is",
        "",
        f"A detector of manipulated faces ({spec.architecture}, {spec.parameters:,} parameters), `{uri}`.",
        "It has no card of its own; this one is made from its JSON.",
        "",
        f"- **Trained on**: {spec.trained_on or 'not recorded'}",
        f"- **Remedies against shortcuts**: {spec.remedies or 'none recorded'}",
        f"- **Threshold**: {spec.threshold:.3f} ({spec.threshold_how})",
        f"- **Calibration**: {spec.calibration.describe()}",
        f'- **Says "cannot tell"**: {"where it had better not answer" if spec.abstention else "almost never"}',
        f"- **Created**: {spec.created:%Y-%m-%d}, weights {spec.weights_sha256[:12] or 'without a hash'}",
    ]
    if spec.metrics:
        lines += ["", "| measured | value |", "|---|---|"]
        lines += [f"| {_cell(name)} | {_number(value)} |" for name, value in spec.metrics.items()]
    if spec.checks:
        lines += ["", "| check | verdict | detail |", "|---|---|---|"]
        lines += [
            f"| {_cell(name)} | {_cell(_state(check))} | {_cell(str(check.get('detail', '')))} |"
            for name, check in spec.checks.items()
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("_", " ").replace("|", "/").replace("\n", " ")


def _number(value: float | int | str | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _cell(str(value))


def service_limits(config: ServeConfig, loaded: LoadedModel) -> dict[str, Any]:
    """Return the limits of the service and of the model.

    Returns
    -------
    dict
        The numbers under their names in `ServeConfig`; ``image_formats`` and ``video_formats``, suffixes; the model's
        ``threshold`` and ``trained_on``; ``sentences``, warnings for the reader of a verdict.
    """
    numbers = ("max_upload_bytes", "max_video_bytes", "max_pixels", "max_frames", "default_frames", "max_duration_s")
    spec = loaded.spec
    trained_on = spec.trained_on or "rows that it does not name"
    sentences = [
        f"The model was trained on {trained_on}; on anything else it may be wrong.",
        "A verdict is one piece of evidence. It proves nothing by itself.",
    ]
    if spec.abstention is None:
        sentences.append('This model hardly says "cannot tell": faces unlike its training get a verdict as well.')
    elif spec.abstention.min_face:
        sentences.append(f"Faces under {spec.abstention.min_face:.0f} pixels a side are not judged.")
    sentences.append(
        "In a video, whoever is seen in less than a quarter of the frames is not called fake alone: with many people "
        "seen briefly, one of them would be called so by chance."
    )
    return {
        **{name: getattr(config, name) for name in numbers},
        "image_formats": list(IMAGE_SUFFIXES),
        "video_formats": list(VIDEO_SUFFIXES),
        "threshold": spec.threshold,
        "trained_on": spec.trained_on,
        "sentences": sentences,
    }


def _state(check: Mapping[str, bool | str]) -> str:
    """Return the state of a check, with the exception that a person made; models of earlier versions have two."""
    state = str(check.get("state") or ("passed" if check.get("passed") else "failed"))
    return ", ".join(filter(None, (state, str(check.get("exception", "")))))
