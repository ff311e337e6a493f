"""Resources of the tracking service: one module each, with functions that work on a ``Store``."""
