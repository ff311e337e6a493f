"""The network architectures of this package: one module a family, each registered by the module itself.

`aletheia.models.registry` imports every module of this folder, so that adding a family means adding a file.
"""
