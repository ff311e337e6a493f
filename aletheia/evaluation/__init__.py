"""Evaluation of a trained model: intervals, baselines, subgroups, robustness, abstention and leave-one-out tests."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
