"""Conversion of MLRun's values to those of MLflow."""

from __future__ import annotations

import math
import re
import urllib.parse
from datetime import datetime
from pathlib import Path
from typing import Any

from aletheia.core.settings import get_settings
from aletheia.tracking import folders


def is_number(value: Any) -> bool:
    """Whether a result can be a metric."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_same_metric(old: float | None, new: float) -> bool:
    """Whether a metric has this value already; NaN equals NaN."""
    return old is not None and (old == new or (math.isnan(old) and math.isnan(new)))


def valid_names(values: dict[str, Any]) -> dict[str, Any]:
    """Rename the values so that MLflow accepts the names: letters, digits, ``_ - . :``, blanks and slashes."""
    return {re.sub(r"[^\w\-. :/]", "_", str(name))[:250].strip("/") or "_": value for name, value in values.items()}


def milliseconds(moment: str | None) -> int | None:
    """Convert an ISO time to milliseconds since 1970; None if there is none or it is not one."""
    try:
        return int(datetime.fromisoformat(moment).timestamp() * 1000) if moment else None
    except ValueError:
        return None


def local_path(target: str) -> Path | None:
    """Return the file or folder of an artifact, if it may be read; see :mod:`aletheia.tracking.folders`."""
    if "://" in target and not target.startswith("file://"):
        return None
    return folders.resolve(get_settings().home.resolve(), urllib.parse.unquote(target) if "://" in target else target)
