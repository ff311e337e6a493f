"""Scores, metrics with intervals, plots and the report."""
