# Lockgroove. Two commands on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     ?= uv
STAMP  := $(VENV)/.installed
SPARK  := $(VENV)/.spark
GUARD  := $(VENV)/.guard
TRACKS ?= 2560000

.PHONY: help demo test campaign bench bench-catalogue bench-guard bench-sharing check lint format types imports system system-test lock clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

demo: $(STAMP)  ## the whole line on the demo's own music, then a page at http://127.0.0.1:8080
	$(BIN)/lockgroove demo

test: system-test $(STAMP) $(SPARK) $(GUARD)  ## all tests
	$(BIN)/python -m pytest -n auto --dist loadgroup

check: lint test  ## what must pass before a commit

lint: format types imports  ## formatting, lint, types, imports

format: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports --no-cache

system:
	@sh tools/system-packages.sh python3-venv

system-test:
	@sh tools/system-packages.sh python3-venv chromium minisign nginx-light openjdk-17-jre-headless redis-server

$(STAMP): requirements.lock pyproject.toml
	@$(MAKE) --no-print-directory system
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Spark has a lock of its own, since it weighs more than all the rest together and only tests want it here.
$(SPARK): $(STAMP) requirements-spark.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock
	touch $@

# The compiler of the guard's loops, likewise: without it they are Python.
$(GUARD): $(STAMP) requirements-guard.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-guard.lock
	touch $@

campaign: system-test $(STAMP)  ## hundreds of kills and flips; takes a while
	$(BIN)/python -m pytest -m campaign

bench: $(STAMP)  ## growth and, where PEERS and SHELF are set, the peers (docs/measurements.md)
	cd bench && ../$(BIN)/python growth.py 1000 10000
	test -z "$(SHELF)" || (cd bench && ../$(BIN)/python peers.py "$(SHELF)")

bench-catalogue: $(STAMP)  ## a generated catalogue of TRACKS tracks, built and asked (200 bytes of disk a track)
	cd bench && ../$(BIN)/python catalogue.py --tracks $(TRACKS) $(if $(FOLDER),--folder "$(FOLDER)")

lock:  ## pin every package with its digests (needs uv)
	$(UV) pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 \
		--group dev --extra build pyproject.toml -o requirements.lock
	echo "pyspark>=4.3" | $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 \
		--no-annotate - -o requirements-spark.lock
	printf "numba>=0.60\ndatasketches>=5.2\nvalkey>=6.1\n" | $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 \
		--no-annotate -c requirements.lock - -o requirements-guard.lock

bench-guard: $(STAMP) $(GUARD)  ## made-up scrapers and people, and who of them is found (docs/guard.md)
	cd bench && ../$(BIN)/python guard.py $(if $(ACCOUNTS),--accounts $(ACCOUNTS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(HETREC),--hetrec "$(HETREC)") $(if $(PLAYS),--plays "$(PLAYS)")

bench-sharing: $(STAMP) $(GUARD)  ## what it costs front ends to share the guard, on a server of its own
	cd bench && ../$(BIN)/python sharing.py

clean:  ## remove what can be made again
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
