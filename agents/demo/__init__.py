"""Own `goldstream demo`: a broker, a Redis and a worker of its own, a shop's real history, and a live view of it.

It sees the worker from outside, as a shop does: by what is published. Import everything but `agents.cli`.
"""
