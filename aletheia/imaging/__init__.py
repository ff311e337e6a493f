"""Pixels and files of images and videos: reading, transforms, corruptions, spectra."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
