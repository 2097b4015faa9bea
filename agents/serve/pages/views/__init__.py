"""Own what the templates of the pages receive: figures, rows and charts, formatted for one reader.

Import `agents.serve.pages` beside it, its charts and words, the answers of the look-ups, streams and state.
"""
