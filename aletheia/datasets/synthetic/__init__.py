"""The synthetic data set: procedural faces of known identities, and three ways to forge them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
