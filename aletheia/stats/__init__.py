"""Statistics on arrays: metrics with intervals, calibration error, grouped bootstrap, tabular baselines."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
