"""The shortcut audit: measures of everything but the face, their prediction of the label, and remedies."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
