"""Layouts of data-set folders: what the places and names of files, and lists beside them, say about each file."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
