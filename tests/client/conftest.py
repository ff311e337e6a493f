"""A running service, and its model."""

from __future__ import annotations

from ..model_factories import clip, jpeg, numberless, with_rules
from ..model_factories import random_bundle as bundle
from ..serving.conftest import served, serving, two_bundles
