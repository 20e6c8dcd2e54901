# Tasks of Tagihan. `make help` lists them; the only thing needed beforehand is Python 3.11 or newer.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first interpreter that is new enough; PYTHON=/path/to/python overrides it.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	echo $$p; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
# How many tests run at a time.
WORKERS ?= auto
# More words for pytest, such as TESTS="tests/unit -k money".
TESTS ?=
# A file's tests share worlds, so they stay together; tests/conftest.py puts the longest files first.
PARALLEL = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: help
help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/.runtime ## Run everything on this machine, with demo data
	@exec $(BIN)/tagihan up

.PHONY: simulator
simulator: $(VENV)/.runtime ## Run a Midtrans alone (OPTIONS="--port 8500")
	@exec $(BIN)/tagihan simulator $(or $(OPTIONS),--port 8500)

.PHONY: demo
demo: $(VENV)/.runtime ## Live a year of ten customers, and check the books
	@exec $(BIN)/tagihan demo

.PHONY: test
test: $(VENV)/.dev ## Run every test (TESTS="-k money" runs some)
	$(PARALLEL) $(TESTS)

.PHONY: quick
quick: $(VENV)/.dev ## Run the tests that take seconds
	$(PARALLEL) -m "not slow and not kill" $(TESTS)

# A part of `make test` that can be timed by itself: six minutes on two quiet cores at most.
.PHONY: proof
proof: $(VENV)/.dev ## Live a few seeds, and find 40 planted mistakes
	$(PARALLEL) tests/ops/test_prove.py tests/ops/test_prove_sweep.py \
		tests/ops/test_prove_planting.py $(sort $(wildcard tests/ops/test_prove_bugs_*.py)) $(TESTS)

.PHONY: check
check: $(VENV)/.dev ## Format, lint, types, floors, house rules, schema
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PARALLEL) -q tests/architecture tests/migrations

.PHONY: fmt
fmt: $(VENV)/.dev ## Format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: migrate
migrate: $(VENV)/.runtime ## Bring the database to the present schema
	@exec $(BIN)/tagihan migrate

.PHONY: benchmark
benchmark: $(VENV)/.runtime ## Measure the simulator and the adapter beside floors
	$(BIN)/python -m simulator.benchmark
	$(BIN)/python -m ops.adapter_benchmark

.PHONY: settings-reference
settings-reference: $(VENV)/.runtime ## Write docs/reference/settings.md anew
	@mkdir -p docs/reference
	$(BIN)/tagihan settings --markdown > docs/reference/settings.md

.PHONY: pictures
pictures: $(VENV)/.runtime ## Draw the pictures of docs/explain anew
	@$(BIN)/python -m ops.pictures

.PHONY: readmes
readmes: $(VENV)/.dev ## Write the list of modules in each README anew
	@$(BIN)/python tests/readme_modules.py

# An address in a file would tie the project to one registry: uv writes none unless asked to.
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate
.PHONY: requirements
requirements: $(VENV)/.dev ## Pin the dependencies anew, with hashes
	$(PIP) install uv
	$(COMPILE) --upgrade requirements.in -o requirements.txt
	$(COMPILE) --upgrade requirements-dev.in -o requirements-dev.txt

.PHONY: clean
clean: ## Remove environment and caches; data (.tagihan) stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis demo-output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. Each step leaves a stamp and is repeated only when its input changes.
$(VENV)/.made:
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	>/dev/null 2>&1; then echo "Tagihan needs Python 3.11 or newer; name one with\
	 make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@if ! $(PYTHON) -c 'import venv, ensurepip' >/dev/null 2>&1; then echo "This Python can not\
	 make environments: install its venv package (Debian, Ubuntu: apt install python3-venv)" >&2; \
	exit 1; fi
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.txt pyproject.toml | $(VENV)/.made
	@echo "Installing what Tagihan needs, pinned by hash (the first time takes a minute) ..."
	@$(PIP) install --require-hashes --no-deps -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "Installing what the tests need ..."
	@$(PIP) install --require-hashes --no-deps -r requirements-dev.txt
	@touch $@
