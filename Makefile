# The verbs of this repository; `make` alone lists them. The automatic gate runs the same words (.ci/run).
SHELL := /bin/bash
BIN := .venv/bin
ARGS ?=
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE  # hundreds of short programs run here: each is compiled once
.PHONY: help demo dev test test-openstack examples check fmt lint unit conformance docs bench setup setup-demo

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/:.*  ## /|/' | while IFS='|' read -r name text; \
	  do printf '  make %-12s %s\n' "$$name" "$$text"; done

demo: setup-demo  ## the main job, from a fresh clone: a VPN interface, then a load balancer (ARGS='--flow 2018')
	@$(BIN)/esi demo vpn --html var/demo.html $(ARGS)
	@$(BIN)/esi demo load-balancer --html var/load-balancer.html $(ARGS)

dev: setup-demo  ## the whole ring with its lab in one process, until Ctrl-C (ARGS='--port 9091')
	@$(BIN)/esi dev $(ARGS)

test: lint  ## everything: lint, then every test
	@$(BIN)/pytest -q -rs -n $$(($$(nproc) + 1)) --dist loadgroup $(ARGS)

test-openstack: lint  ## the second story on a real Nova, in three minutes
	@python3 scripts/setup.py openstack
	@$(BIN)/pytest -q -rs -m openstack tests/openstack $(ARGS)

examples: setup  ## write the trace pages of docs/examples anew, in six minutes
	@python3 scripts/setup.py openstack
	@for story in vpn load-balancer; do $(BIN)/esi demo $$story --html docs/examples/embedded/$$story.html || exit; done
	@ESI_EXAMPLES=$(CURDIR)/docs/examples $(BIN)/pytest -q -m 'real or openstack' tests/e2e/test_peers.py tests/openstack

check: lint unit  ## lint and the unit tests, in a minute

fmt: setup  ## format, and repair what ruff can repair
	@$(BIN)/ruff format src tests scripts benchmarks
	@$(BIN)/ruff check --fix src tests scripts benchmarks

lint: setup  ## ruff, import contracts, mypy
	@$(BIN)/ruff check src tests scripts benchmarks && $(BIN)/ruff format --check src tests scripts benchmarks
	@$(BIN)/lint-imports --no-logo && $(BIN)/mypy

unit: setup  ## the unit tests and the tests of the docs
	@$(BIN)/pytest -q -n 2 --dist loadgroup tests/unit tests/docs $(ARGS)

conformance: setup  ## each port's suite on each of its members
	@$(BIN)/pytest -q tests/conformance $(ARGS)

docs: setup  ## write the reference pages from the code, then check all pages
	@$(BIN)/python scripts/reference.py
	@$(BIN)/pytest -q tests/docs $(ARGS)

bench:  ## how fast it is, beside bare loops: docs/benchmarks.md, in 24 minutes (QUICK=1: in 3, into var/)
	@python3 scripts/setup.py bench
	@mkdir -p var && $(BIN)/python -m benchmarks $(if $(QUICK),--quick --to var/benchmarks.json) $(ARGS)

setup:  ## .venv, etcd and what tests need (Debian packages where root and apt are there)
	@python3 scripts/setup.py test

setup-demo:
	@python3 scripts/setup.py demo
