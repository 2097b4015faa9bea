"""Measure how fast Goldstream is, beside other programs that do the same job on the same broker.

The product does not import it. `python -m bench` runs the comparison; README.md describes what exactly is measured.
"""
