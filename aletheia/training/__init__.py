"""Training of a network on manifests of face crops, and its export as a model bundle."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
