"""Data sets made of genuine pictures alone: each beside a fake that was made of it, and delivered like it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
