"""Network architectures, found by name, and the files that hold a trained one."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
