"""Crude face crops whose brightness tells the label."""

from __future__ import annotations

from ..factories import crops
