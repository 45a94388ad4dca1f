# One verb per need; `make help` lists them. Everything missing is set up on the way.
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
export CARGO_TARGET_DIR ?= $(HOME)/.cache/metis-node/target
NATIVE_SOURCES := $(wildcard native/src/*.rs native/src/*/*.rs) native/Cargo.toml native/Cargo.lock
STAMPS := $(VENV)/.stamps

.PHONY: help setup native check test bench devnet clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

setup: $(STAMPS)/python $(STAMPS)/native $(STAMPS)/node  ## virtual environment, native crate, npm tools

$(STAMPS)/tools:
	@tools/check-system
	@mkdir -p $(VENV) && test -x $(BIN)/python || python3 -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/python: constraints.txt | $(STAMPS)/tools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@touch $@

$(STAMPS)/native: $(NATIVE_SOURCES) pyproject.toml $(STAMPS)/python
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet
	@touch $@

$(STAMPS)/node: package-lock.json | $(STAMPS)/tools
	npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

native: $(STAMPS)/native  ## build the native crate into the virtual environment
