"""The place to hand in files, and the gallery, as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from aletheia.serving.web.gallery import SAMPLES
from aletheia.serving.web.messages import format_size

_FORMAT_NAMES = {
    ".heif": "HEIC",
    ".hif": "HEIC",
    ".jpe": "JPEG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WebP",
    ".webm": "WebM",
    ".m4v": "MP4",
    ".ts": "MPEG-TS",
    ".mts": "MPEG-TS",
    ".m2ts": "MPEG-TS",
    ".asf": "WMV",
    ".mpg": "MPEG",
    ".ogv": "Ogg",
}
_ICON = (
    '<svg class="sign" viewBox="0 0 48 48" aria-hidden="true"><rect x="5" y="9" width="38" height="30" rx="5"/>'
    '<circle cx="24" cy="21" r="5.5"/><path d="M13.5 37c1.6-5.6 5.6-8.5 10.5-8.5s8.9 2.9 10.5 8.5"/></svg>'
)


def render_intake(limits: Mapping[str, Any]) -> str:
    """Render the place to hand in files and the gallery; the page's script handles dropping and pasting.

    Parameters
    ----------
    limits : mapping
        See `aletheia.serving.service.InferenceService.limits`.
    """
    pictures, videos = (_format_names(limits[f"{kind}_formats"]) for kind in ("image", "video"))
    accept = ",".join(["image/*", "video/*", *limits["image_formats"], *limits["video_formats"]])
    samples = "".join(
        f'<li><button type="button" data-sample="page/gallery/{sample.name}">{_thumbnail(sample.name)}'
        f"<span>{escape(sample.title)}</span></button></li>"
        for sample in SAMPLES
    )
    return f"""
<div class="zone" data-image-bytes="{limits["max_upload_bytes"]}" data-video-bytes="{limits["max_video_bytes"]}">
  <input type="file" id="file" class="unseen" accept="{accept}" aria-describedby="accepted">
  <label for="file">{_ICON}<strong>Choose a picture or a video</strong><span>or drop it here, or paste it</span></label>
</div>
<p class="quiet" id="accepted">{pictures} up to {format_size(limits["max_upload_bytes"])}; {videos} up to
{format_size(limits["max_video_bytes"])}. The file is looked at by the machine that runs this page and deleted after the
answer.</p>
<p class="state" role="status"></p>
<section class="gallery" aria-label="Pictures to try"><p>Nothing at hand? Try one of these. Nobody in them exists.</p>
<ul>{samples}</ul></section>"""


def _format_names(suffixes: list[str]) -> str:
    names = list(dict.fromkeys(_FORMAT_NAMES.get(suffix, suffix[1:].upper()) for suffix in suffixes))
    return ", ".join(names[:-1]) + f" or {names[-1]}"


def _thumbnail(name: str) -> str:
    if name.endswith(".mp4"):
        return f'<video src="page/gallery/{name}" muted playsinline preload="metadata" tabindex="-1"></video>'
    return f'<img src="page/gallery/{name}" alt="" loading="lazy">'
