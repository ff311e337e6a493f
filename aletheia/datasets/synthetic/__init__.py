"""A data set made from nothing: procedural faces of known identities, and three honest ways to forge them."""

from aletheia.datasets.synthetic.generate import generate

__all__ = ["generate"]
