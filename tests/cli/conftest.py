"""Crude face crops and a crude model, for commands that work on a source."""

from __future__ import annotations

from ..factories import crops
from ..lifecycle_factories import registry
from ..model_factories import brightness_bundle, jpeg
from ..model_factories import random_bundle as bundle
from ..serving.conftest import serving
