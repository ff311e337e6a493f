"""The embedded tracking service: the part of MLRun's REST API that local work needs, on SQLite.

:func:`ensure_tracking` is all that a notebook or a command needs; the stock MLRun client does the rest.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
