"""Cause every alert of deploy/ once on real workers and a real Prometheus: `python -m tests.fault.alerts`.

It takes half an hour, since alerts wait before they fire, so `make test` does not run it; the results are in
deploy/runbook.md. `--speed 10` divides the durations in the rules by ten.
"""
