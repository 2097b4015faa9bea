"""Own metrics, histograms and logs.

Import the standard library and prometheus_client.
"""
