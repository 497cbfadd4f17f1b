# Every target installs its requirements into .venv. You need make, git, and Python 3.11 or newer with venv.
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SOURCES := daemon client protocol tests
TYPESCRIPT := client/typescript
NODE_MODULES := $(TYPESCRIPT)/node_modules

.PHONY: help run test test-exhaustive test-typescript lint bench bench-quick bench-compare soak fuzz format clean

help: ## Show these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 \t/p' $(MAKEFILE_LIST) | expand -t 24

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is missing: install it, or give its path: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11: give the path of a newer one: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { echo "Python's venv module is missing (Debian, Ubuntu: apt install python3-venv)"; rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1" # 25.1 is the first with dependency groups

$(VENV)/run.stamp: pyproject.toml $(wildcard launchd/* systemd/*) | $(BIN)/python
	@echo "Installing workspaced into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# Of these tools most modules are never imported: those that are, Python compiles then.
$(VENV)/test.stamp: $(VENV)/run.stamp
	@echo "Installing the tools of the tests into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --no-compile --group test
	@touch $@

$(VENV)/dev.stamp: $(VENV)/test.stamp
	@echo "Installing the other development tools into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --no-compile --group dev
	@mkdir -p $(VENV)/typings
	@for package in trio outcome; do \
		ln -sfn "$$($(BIN)/python -c "import pathlib, $$package; print(pathlib.Path($$package.__file__).parent)")" $(VENV)/typings/$$package || exit 1; \
	done
	@touch $@

# node and npm come with the tools of the tests.
$(NODE_MODULES)/stamp: export PATH := $(abspath $(BIN)):$(PATH)
$(NODE_MODULES)/stamp: export NODE_OPTIONS := --use-system-ca # as pip: a registry may stand behind a proxy of one's own
$(NODE_MODULES)/stamp: $(TYPESCRIPT)/package-lock.json $(VENV)/test.stamp
	@echo "Installing the tools of the TypeScript client into $(NODE_MODULES)" >&2
	@npm --prefix $(TYPESCRIPT) ci --loglevel error --ignore-scripts
	@touch $@

$(VENV)/fuzz.stamp: $(VENV)/dev.stamp
	@$(BIN)/python -m pip install --quiet --group fuzz
	@touch $@

run: $(VENV)/run.stamp ## Start the daemon in the foreground with its default paths
	@exec $(BIN)/workspaced run

# Hundreds of processes are started: where this variable is set, each would compile the sources again.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/test.stamp test-typescript ## Run every test, and check coverage
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist worksteal
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

# Before a release, and after changes of the store. Coverage is left to `make test`.
test-exhaustive: export PYTHONDONTWRITEBYTECODE =
test-exhaustive: export TEST_EXHAUSTIVELY = 1
test-exhaustive: $(VENV)/test.stamp ## Run every test with all its cases: make test tries of the longest lists a share, another one each day
	$(BIN)/python -m pytest -n auto --dist worksteal --timeout 600

# bun is not among the tools of the tests: where somebody has it, the tests must pass there, too.
test-typescript: export PATH := $(abspath $(BIN)):$(PATH)
test-typescript: $(NODE_MODULES)/stamp ## Run the tests of the TypeScript client on Node, and on Bun where that is installed
	@npm --prefix $(TYPESCRIPT) run --silent build
	@npm --prefix $(TYPESCRIPT) run --silent build:test
	node --test --test-concurrency=2 --test-timeout=120000 --test-reporter=dot $(TYPESCRIPT)/build/test/*.test.js
	@if command -v bun >/dev/null; then bun test --timeout 120000 ./$(TYPESCRIPT)/build/test/*.test.js; fi

lint: export PATH := $(abspath $(BIN)):$(PATH)
lint: $(VENV)/dev.stamp $(NODE_MODULES)/stamp ## Check format, style, types and the direction of imports
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/mypy tests
	$(BIN)/pyright
	$(BIN)/lint-imports
	npm --prefix $(TYPESCRIPT) run --silent lint

PART ?=
bench: $(VENV)/dev.stamp ## Run all benchmarks, or PART="stores starts", and compare with the SLOs and the limits of this machine
	PYTHONPATH=tests $(BIN)/python -m bench $(addprefix --part ,$(PART))

bench-quick: $(VENV)/dev.stamp ## Run the benchmarks of the SLOs in half a minute
	PYTHONPATH=tests $(BIN)/python -m bench --quick $(addprefix --part ,$(PART))

bench-compare: $(VENV)/dev.stamp ## Compare two results: make bench-compare A=one.json B=other.json
	@test -n "$(A)" -a -n "$(B)" || { echo "Name two results: make bench-compare A=one.json B=other.json (make bench writes them to bench-results/)"; exit 2; }
	@PYTHONPATH=tests $(BIN)/python -m bench --compare "$(A)" "$(B)"

SOAK_SECONDS ?= 1800
soak: $(VENV)/dev.stamp ## Run load, kills and restarts for SOAK_SECONDS (1800), then check every answered write
	PYTHONPATH=tests $(BIN)/python -m bench.soak --seconds $(SOAK_SECONDS)

FUZZ_SECONDS ?= 60
fuzz: $(VENV)/fuzz.stamp ## Fuzz each parser of foreign bytes for FUZZ_SECONDS (60)
	@for target in requests document answers; do \
		echo "Fuzzing $$target for $(FUZZ_SECONDS) s"; \
		PYTHONPATH=tests $(BIN)/python -m fuzz $$target $(FUZZ_SECONDS) || exit 1; \
	done

format: export PATH := $(abspath $(BIN)):$(PATH)
format: $(VENV)/dev.stamp $(NODE_MODULES)/stamp ## Format the code, and fix the problems that ruff can fix
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)
	npm --prefix $(TYPESCRIPT) run --silent format

clean: ## Remove .venv, caches and results
	rm -rf $(VENV) dist build bench-results fuzz-findings .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf $(NODE_MODULES) $(TYPESCRIPT)/dist $(TYPESCRIPT)/build
