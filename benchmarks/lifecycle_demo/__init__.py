"""The life of a model after its release, shown with real parts: ``make demo-lifecycle``, see `docs/lifecycle.md`."""
