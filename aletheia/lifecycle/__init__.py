"""A model's life after its release: versions, promotion and rollback, what it answered, and the watch over it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
