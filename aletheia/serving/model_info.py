"""What the page and the routes tell of the model and of the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aletheia.imaging.decoding import IMAGE_SUFFIXES
from aletheia.imaging.media_types import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from aletheia.models.spec import ModelSpec
    from aletheia.serving.config import ServeConfig
    from aletheia.serving.model_loading import Loaded

_CARD = "README.md"
_MAX_CARD = 1_000_000  # bytes of a card that are shown


def card_text(loaded: Loaded) -> str:
    """The card beside the model, without its front matter; one made from the model's JSON where there is none."""
    file = loaded.folder / _CARD
    if not file.is_file():
        return _card_of(loaded.spec, loaded.uri)
    with file.open(encoding="utf-8", errors="replace") as stream:
        text = stream.read(_MAX_CARD)
    if text.startswith("---\n"):
        text = text.partition("\n---\n")[2] or text
    return text.strip() + "\n"


def _card_of(spec: ModelSpec, uri: str) -> str:
    lines = [
        "# What this model is",
        "",
        f"A detector of manipulated faces ({spec.architecture}, {spec.parameters:,} parameters), `{uri}`.",
        "It has no card of its own: what follows is what its JSON says.",
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
        lines += [f"| {_plain(name)} | {_number(value)} |" for name, value in spec.metrics.items()]
    if spec.checks:
        lines += ["", "| check | passed | detail |", "|---|---|---|"]
        lines += [
            f"| {_plain(name)} | {'yes' if check.get('passed') else 'no'} | {_plain(str(check.get('detail', '')))} |"
            for name, check in spec.checks.items()
        ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return text.replace("_", " ").replace("|", "/").replace("\n", " ")


def _number(value: float | int | str | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _plain(str(value))


def limits_of(config: ServeConfig, loaded: Loaded) -> dict[str, Any]:
    """The limits of the service and of the model.

    Returns
    -------
    dict
        The numbers under the names of `ServeConfig`; ``image_formats`` and ``video_formats``, suffixes; ``sentences``,
        what a reader of a verdict should know, each a sentence.
    """
    numbers = ("max_upload_bytes", "max_video_bytes", "max_pixels", "max_frames", "default_frames", "max_duration_s")
    spec = loaded.spec
    known = spec.trained_on or "rows that it does not name"
    sentences = [
        f"The model was trained on {known}; on anything else it may be wrong.",
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
