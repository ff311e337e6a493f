"""A live page of what a service answers, whether that changes, and which alerts fire."""
