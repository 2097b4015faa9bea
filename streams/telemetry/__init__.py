"""Own metrics, logs and the throttle for log lines that repeat.

Import `streams.clock`, prometheus_client and orjson.
"""
