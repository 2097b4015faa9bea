"""Cause every alert once on real workers and a real Prometheus with the rules of deploy/: `python -m tests.alerts`.

It takes half an hour, since alerts wait before they fire, so `make test` does not run it; the results are in
deploy/runbook.md. `--speed 10` divides the durations in the rules by ten.
"""
