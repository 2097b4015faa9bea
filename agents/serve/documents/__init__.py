"""Own the documents that describe the server and the topics: OpenAPI, AsyncAPI, JSON Schemas.

Import `agents.serve` beside it, streams and state.
"""
