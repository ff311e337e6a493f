"""A registry of models."""

from __future__ import annotations

from ..factories import crops
from ..lifecycle_factories import registry
from ..model_factories import brightness_bundle
