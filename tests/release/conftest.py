"""An evaluation of a crude model."""

from __future__ import annotations

from ..evaluation_factories import evaluation
from ..factories import crops
from ..model_factories import brightness_bundle
