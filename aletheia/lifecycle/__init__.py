"""A model's life after its release: version, promotion, rollback, retirement, comparison, deletion."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
