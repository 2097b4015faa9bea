"""How a shop's own files become events: rows read, columns recognised, values converted, order restored.

Owns the forms of files, the names of columns, and the mapping file. May import `streams` and `state`, and pyarrow where
it is installed. Nothing here talks to Kafka: the command does.
"""
