"""A model for the service, and a picture for the model."""

from ..model_factories import jpeg, random_bundle
