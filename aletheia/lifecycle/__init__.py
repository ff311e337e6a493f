"""What comes after a release: the record of what a model answered, and the watch over it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
