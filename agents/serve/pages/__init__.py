"""Own the HTML pages: templates, styles, scripts, and the handlers that fill them from the look-ups.

Import `agents.serve` beside it, `agents.customer_view`, `agents.languages`, streams and state.
"""
