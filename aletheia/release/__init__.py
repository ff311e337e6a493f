"""The decision on a release: gate, model card, release bundle, and lookup of registered models."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
