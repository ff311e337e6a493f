"""What the service keeps: one module a resource, plain functions on a ``Store``."""
