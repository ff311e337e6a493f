"""A small trained model for the commands."""

from ..model_factories import brightness_bundle
