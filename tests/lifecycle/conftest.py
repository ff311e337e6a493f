"""A registry of models."""

from __future__ import annotations

from ..lifecycle_factories import registry
