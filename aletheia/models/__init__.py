"""Network architectures, found by name, and the files that carry a trained one."""
