# `make help` says what there is; tools/build.py and test/run.py do the work.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export EXTRAS

.PHONY: build test browser sanitize engines peers demo help clean

build:
	@$(PYTHON) tools/build.py

test: build
	@$(BIN)/python test/run.py

browser:
	@$(PYTHON) test/python/cslsim/browser.py

sanitize: build
	@$(BIN)/python test/sanitize.py

engines: build
	@$(BIN)/python test/engines.py

peers: build
	@$(BIN)/python test/peers.py

demo: build
	@$(BIN)/plait demo

help:
	@echo "make          build everything into .venv (again: only what changed)"
	@echo "make test     build, then every check: lit, pytest, docs, lint"
	@echo "make browser  fetch Chromium with npm, where there is no browser, for one test"
	@echo "make sanitize the runtime and compiled code under sanitizers"
	@echo "make engines  the sampler's presets against the engines' own code"
	@echo "make peers    compare with the spiking libraries, which it installs"
	@echo "make demo     build, then one real job on every road"
	@echo "make clean    remove .venv and build"
	@echo "PYTHON=python3.11 chooses the Python of a new .venv, EXTRAS='nir test'"
	@echo "the optional parts (default: all that this Python can have)"

clean:
	rm -rf build $(VENV)
