"""Staging: the real service with a version that is not in production yet, and tests of it over HTTP."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
