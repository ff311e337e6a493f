"""HTTP routes, one module a resource; they translate between requests and ``resources``."""
