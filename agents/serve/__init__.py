"""Own `goldstream serve`: events in, look-ups and pages out, over HTTP; stateless, in any number of processes.

Import the packages of agents below it, streams and state. Only this package imports Litestar, uvicorn, Jinja and
itsdangerous (the extra `serve`), which workers do not need.
"""
