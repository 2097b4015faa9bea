"""Own how campaigns, causes, contacts, scores, segments and ages are put in words.

Import the answers of the look-ups, `agents.languages` and state; nothing of `agents.serve.pages`.
"""
