"""How fast Goldstream is, beside other programs that do the same job on the same broker.

Nothing of the product imports it. `python -m bench` measures; README.md says what exactly.
"""
