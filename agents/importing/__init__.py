"""Own the import of files: reading them, understanding them, what is known already, the report, publishing the rest.

Import `streams`, `state` and the libraries of the extra `import`.
"""
