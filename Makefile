# One verb per need. Whatever is missing is set up on the way.
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
# Rust build output lives outside the checkout, so that a fresh clone builds only what changed.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/metis-node/target
NATIVE_SOURCES := $(shell find native/src -name '*.rs') native/Cargo.toml native/Cargo.lock
FORGE := ../node_modules/@foundry-rs/forge-linux-amd64/bin/forge
PYTEST := $(BIN)/python -m pytest

.PHONY: help setup native check fmt test unit sim bench devnet contracts upgrades slither wheel clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

setup: $(STAMPS)/native $(STAMPS)/node  ## virtual environment, native crate, npm tools

# Running a node needs no Node.js: `devnet` and `native` stop here. constraints.txt is the whole closure,
# with one pin overridden (pyproject.toml, [tool.uv]): pip installs exactly that and resolves nothing.
$(STAMPS)/python: constraints.txt
	@tools/check-system
	@test -x $(BIN)/python || { echo "creating $(VENV)"; python3 -m venv $(VENV); }
	@mkdir -p $(STAMPS)
	@echo "installing pinned Python packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r constraints.txt
	@touch $@

$(STAMPS)/native: $(NATIVE_SOURCES) pyproject.toml $(STAMPS)/python
	@echo "building the native crate (first time: a few minutes)"
	@PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet
	@touch $@

$(STAMPS)/node: package-lock.json $(STAMPS)/python
	@tools/check-system node
	@echo "installing npm tools (anvil, forge, cast, solc, clients)"
	@npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

native: $(STAMPS)/native  ## build the native crate into the virtual environment

devnet: $(STAMPS)/native  ## a running devnet: L1, sequencer, batches; Ctrl-C stops it
	@$(BIN)/metis-node devnet

check: setup  ## everything static: format, lint, types, imports, clippy, stubs, artifacts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m mypy.stubtest metis_node._native --concise
	cargo fmt --manifest-path native/Cargo.toml --check
	cargo clippy --manifest-path native/Cargo.toml --release --locked --all-targets -- -D warnings
	cd contracts && $(FORGE) build --quiet && cd .. && tools/artifacts --check

fmt:  ## format everything
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cargo fmt --manifest-path native/Cargo.toml

test: check upgrades  ## every test there is
	cargo test --manifest-path native/Cargo.toml --release --locked --quiet
	cd contracts && FORGE_SNAPSHOT_CHECK=true $(FORGE) test
	$(PYTEST) -n 2 --dist loadscope tests/unit tests/integration tests/e2e
	$(PYTEST) -n 2 tests/sim
	$(PYTEST) tests/vectors

unit: $(STAMPS)/native  ## the quick tests
	$(PYTEST) tests/unit -q

sim: $(STAMPS)/native  ## thousands of simulated runs of the agreement, with their report
	$(BIN)/python -m tests.sim --seeds 5000

contracts: $(STAMPS)/node  ## build contracts and write the committed artifacts and layouts
	cd contracts && $(FORGE) build
	tools/artifacts
	tools/storage-layouts
	$(BIN)/python contracts/test/fixtures/epochs.py
	$(BIN)/python contracts/test/fixtures/rewards.py

# A build of its own: the check wants build-info and storage layouts, which slow every other build down.
upgrades: $(STAMPS)/node  ## upgrade safety and storage layouts of the contracts
	tools/storage-layouts --check
	cd contracts && FOUNDRY_OUT=cache/upgrades/out FOUNDRY_CACHE_PATH=cache/upgrades/cache \
	  FOUNDRY_EXTRA_OUTPUT='["storageLayout"]' $(FORGE) build --quiet --force --build-info --skip test
	node node_modules/.bin/openzeppelin-upgrades-core validate contracts/cache/upgrades/out/build-info

# Slither's packages clash with the daemon's, so it lives elsewhere; it also wipes the output it builds.
SLITHER_VENV ?= $(HOME)/.cache/metis-node/slither
slither: $(STAMPS)/node  ## static analysis of the contracts; contracts/SLITHER.md answers what it finds
	@test -x $(SLITHER_VENV)/bin/slither || { echo "installing Slither in $(SLITHER_VENV)"; \
	  python3 -m venv $(SLITHER_VENV); \
	  $(SLITHER_VENV)/bin/pip install --quiet --disable-pip-version-check slither-analyzer==0.11.6 crytic-compile==0.4.2; }
	cd contracts && PATH="$(CURDIR)/$(dir $(FORGE:../%=%)):$$PATH" FOUNDRY_OUT=cache/slither/out \
	  FOUNDRY_CACHE_PATH=cache/slither/cache $(SLITHER_VENV)/bin/slither . --config-file slither.config.json

bench: setup  ## benchmarks beside their peers; prints tables, see bench/README.md
	$(BIN)/python -m bench

wheel: $(STAMPS)/native  ## a wheel for the container image, in dist/
	@$(BIN)/maturin build --release --locked --quiet --out dist
	@ls dist/*.whl

clean:  ## remove what the build made in this checkout
	rm -rf $(VENV) node_modules dist contracts/out contracts/cache
