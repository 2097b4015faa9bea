"""Own the handlers of the pages: what a request asks for, and which page answers it.

Import `agents.serve.pages` and its other packages, the look-ups, `agents.serve` beside it, streams and state.
"""
