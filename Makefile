# Two commands: `make run` sets everything up and opens the chat, `make test` sets up and runs the tests.
#
#   make run ARGS="ask 'hello'"     any command of the assistant instead of the chat
#   make install PYTHON=python3.12  another interpreter (3.11 or newer)

# Looked up only while installing: the first interpreter that is new enough.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed.stamp
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := run
.PHONY: run install test lint bench clean

run: $(STAMP)
	@$(BIN)/assistant $(ARGS)

install: $(STAMP)

test: $(STAMP)
	$(BIN)/python -m pytest $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python benchmarks/chat_overhead.py
	$(BIN)/python benchmarks/loop.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache

# Everything below runs once, and again only when the two files change.
$(STAMP): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo "Python 3.11 or newer is needed$(if $(PYTHON), and '$(PYTHON)' is not)."; \
	  echo "  Debian/Ubuntu: sudo apt install python3 python3-venv python3-dev    macOS: brew install python@3.12"; \
	  echo "  or name one:   make install PYTHON=/path/to/python3.12"; exit 1; fi
	@if ! { [ -n "$$CXX" ] && command -v $${CXX%% *} || command -v c++ || command -v g++ || command -v clang++; } >/dev/null 2>&1; then \
	  echo "A C++ compiler is needed to build the engine (llama.cpp)."; \
	  echo "  Debian/Ubuntu: sudo apt install build-essential    Fedora: sudo dnf install gcc-c++ make"; \
	  echo "  macOS:         xcode-select --install"; exit 1; fi
	@if [ ! -x $(BIN)/python ]; then $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Could not create $(VENV). Debian/Ubuntu: sudo apt install python3-venv"; exit 1; }; fi
	@echo "Setting up in $(VENV). The engine is compiled here once, which takes a few minutes."
	@CMAKE_BUILD_PARALLEL_LEVEL=$${CMAKE_BUILD_PARALLEL_LEVEL:-$(JOBS)} \
	  $(PIP) install --quiet -c constraints.txt -e '.[test]'
	@touch $@
