"""Face detectors: a registry, and one module each."""
