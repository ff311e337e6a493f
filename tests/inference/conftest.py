"""Models and pictures for the tests of predictors."""

from __future__ import annotations

from ..model_factories import clip, jpeg, numberless, with_rules
from ..model_factories import random_bundle as bundle
