"""How customers' events get in and what is said about them gets out.

Owns settings, the clock, topics, wire schemas, codecs, the batch engine on Faust, metrics, and the embedded stack.
May import `state`, and faust, aiokafka, msgspec, orjson, prometheus_client; never `agents`.
"""
