"""Predictions for pictures and videos by one model or several, without torch, MLRun or HTTP."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
