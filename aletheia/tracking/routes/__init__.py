"""HTTP routes, one module for each resource; they translate between requests and ``resources``."""
