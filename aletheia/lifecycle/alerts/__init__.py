"""Alerts: rules about a service's traffic, how they fire and resolve, and who is told."""
