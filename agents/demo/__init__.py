"""`goldstream demo`: a broker, a Redis and a worker of its own, a shop's real history, and a look at what comes out.

It sees the worker from outside, as a shop does: by what is published. May import everything but `agents.cli`.
"""
