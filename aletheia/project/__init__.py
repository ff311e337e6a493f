"""The MLRun project: options of a run, notebooks, the functions generated from them, and the workflow."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
