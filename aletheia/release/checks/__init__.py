"""The checks of the gate by concern, and the registry that others add theirs to."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
