"""Fitting a network: configuration, data module, Lightning module, calibration."""
