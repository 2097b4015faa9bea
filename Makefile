# One command for each task of a developer; CI (.ci/run) calls the same ones.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# Passed on to the command: make test ARGS="tests/unit -k policy"
ARGS ?=
export PYTHON

# Stamps: .venv is updated when one of its inputs has changed.
RUNTIME := .venv/.runtime
DEVELOPMENT := .venv/.development
PEERS := .cache/peers/.made
COMPILED := .venv/compiled/.made

PACKAGES := state streams agents tests bench

.PHONY: help
help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' $(MAKEFILE_LIST) | awk -F@ '{printf "%-22s%s\n", $$1, $$2}'

.PHONY: setup
setup: $(RUNTIME) ## Create .venv with the locked dependencies and .venv/bin/goldstream
	@echo "setup: ready: .venv/bin/goldstream --help"

.PHONY: demo
demo: $(RUNTIME) ## Run the demo: embedded broker, real purchases, live in the terminal
	@if $(MAKE) --silent $(COMPILED); then export PYTHONPATH=.venv/compiled; \
	else echo "demo: runs without the compiled build, at about a third of the speed"; fi; .venv/bin/goldstream demo $(ARGS)

.PHONY: test
test: $(DEVELOPMENT) servers ## Run all tests on real servers; ARGS="tests/unit -k policy" for some
	@.venv/bin/python -m pytest $(ARGS)

.PHONY: deep
deep: $(DEVELOPMENT) ## Run the property tests with 20,000 examples each
	@.venv/bin/python -m pytest --hypothesis-profile=deep --timeout=0 tests/property $(ARGS)

.PHONY: compiled
compiled: $(COMPILED) ## Compile the fold from the same source (mypyc), as make demo does; see deploy/README.md

.PHONY: test-compiled
test-compiled: $(COMPILED) ## Run the unit and property tests on the compiled build
	@PYTHONSAFEPATH=1 PYTHONPATH=.venv/compiled:. .venv/bin/python -m pytest tests/property tests/unit $(ARGS)

.PHONY: faults
faults: $(DEVELOPMENT) servers ## Run the long fault scenarios: half an hour
	@.venv/bin/python -m pytest tests/fault/long/scenarios.py tests/fault/long/open_shop.py $(ARGS)

.PHONY: image
image: $(DEVELOPMENT) servers ## Build deploy/Dockerfile without Docker, and run a worker from the image; as root, on Debian
	@scripts/image
	@.venv/bin/python -m pytest tests/integration/operation/built_image.py $(ARGS)

.PHONY: outage
outage: $(DEVELOPMENT) servers ## Send events over HTTP while Kafka is away for a minute
	@OUTAGE_SECONDS=60 .venv/bin/python -m pytest tests/fault/test_intake_outage.py -k no_200 $(ARGS)

.PHONY: soak
soak: $(DEVELOPMENT) servers ## Run random faults against workers, for minutes or hours: ARGS="--hours 2 --seed 7"
	@.venv/bin/python -m tests.fault.soak $(ARGS)

.PHONY: check
check: lint types layers hooks ## Run all static checks: lint, types, layers, hooks

.PHONY: lint
lint: $(DEVELOPMENT) ## Check style and format (ruff)
	@.venv/bin/ruff check $(ARGS)
	@.venv/bin/ruff format --check $(ARGS)

.PHONY: types
types: $(DEVELOPMENT) ## Check types (mypy, strict, tests included)
	@.venv/bin/mypy $(wildcard $(PACKAGES))

.PHONY: layers
layers: $(DEVELOPMENT) ## Check the direction of imports (import-linter)
	@.venv/bin/lint-imports --no-cache

.PHONY: hooks
hooks: $(DEVELOPMENT) ## Validate the configuration of pre-commit
	@.venv/bin/pre-commit validate-config .pre-commit-config.yaml

.PHONY: generate
generate: $(DEVELOPMENT) ## Generate the native classes of Profile and DayTotals from their declarations
	@.venv/bin/python -m tests.generated.native_classes

.PHONY: messages
messages: $(DEVELOPMENT) ## Collect the texts of the pages, and compile their translations
	@.venv/bin/python -m tests.generated.messages

.PHONY: screenshots
screenshots: $(DEVELOPMENT) ## Write the README's screenshots from the demo's data; needs Chromium
	@.venv/bin/python -m tests.generated.screenshots

.PHONY: assets
assets: ## Copy the scripts that the pages ship from npm, at the versions of package-lock.json; needs Node.js
	@scripts/assets

.PHONY: documents
documents: $(DEVELOPMENT) ## Generate the OpenAPI and AsyncAPI documents and the JSON Schemas in deploy/api from the code
	@.venv/bin/python -m agents.serve.documents deploy/api

.PHONY: install-hooks
install-hooks: $(DEVELOPMENT) ## Run the checks before every commit in this clone
	@.venv/bin/pre-commit install

.PHONY: format
format: $(DEVELOPMENT) ## Format the code and apply safe fixes (ruff)
	@.venv/bin/ruff check --fix-only --quiet
	@.venv/bin/ruff format

.PHONY: bench
bench: $(DEVELOPMENT) servers $(PEERS) $(COMPILED) ## Run the benchmarks, next to Kafka Streams, Bytewax, Quix Streams and Faust; ARGS="--help" for more
	@.venv/bin/python -m bench $(ARGS)

.PHONY: servers
servers: $(DEVELOPMENT) ## Install what the tests run: Java, Maven, Redis, promtool, Chromium, Apache Kafka, axe
	@scripts/servers

.PHONY: lock
lock: $(DEVELOPMENT) ## Resolve the dependencies again into the lock files
	@scripts/lock

.PHONY: clean
clean: ## Remove .venv, caches and downloads
	@rm -rf .venv .cache .goldstream dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PEERS): requirements-bench.lock scripts/peers | $(DEVELOPMENT)
	@if scripts/peers $<; then touch $@; fi

$(COMPILED): scripts/compile $(shell find state streams -name "*.py") | $(RUNTIME)
	@scripts/compile
	@touch $@

$(RUNTIME): requirements.lock pyproject.toml scripts/setup
	@scripts/setup requirements.lock
	@touch $@

$(DEVELOPMENT): requirements-dev.lock pyproject.toml scripts/setup
	@scripts/setup requirements-dev.lock
	@touch $(RUNTIME) $@
