"""Retraining: when one is due, what it learns from, and whether its model is any better."""
