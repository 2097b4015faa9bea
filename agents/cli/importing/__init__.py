"""Own reading files of history from a command: options, mapping, questions, one run from files to Kafka.

Import `agents.cli` beside it, its terminal, `agents.importing`, streams and state.
"""
