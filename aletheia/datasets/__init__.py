"""Data sets: from folders and manifests to checked, split and balanced tables of face crops."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
