"""Own what a platform sends: signatures, payloads, and the events that they become.

Import `agents.serve.hooks` beside it, the platforms, columns and ids of `agents.importing`, streams and state.
"""
