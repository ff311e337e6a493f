"""A model after its release: versions, promotion and rollback, the watch over its answers, feedback, retraining."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
