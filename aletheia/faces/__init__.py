"""Faces in images and videos: detection, cutting out, extraction of a whole manifest, linking over frames."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
