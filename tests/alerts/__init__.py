"""Every alert caused once, on real workers under a real Prometheus with the rules of deploy/: `python -m tests.alerts`.

It takes half an hour, since alerts wait before they fire, so `make test` does not run it; what came of it stands in
deploy/runbook.md. `--speed 10` lets the rules' own times pass ten times as fast.
"""
