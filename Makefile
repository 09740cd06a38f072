# make demo and make test are all you need. Each makes .venv, installs what it needs, and runs.
#
#   make demo                 a raw chat file becomes a certified training file, with reports
#   make test                 the tests
#   make lint                 ruff and mypy
#   make bench DATA=folder    the figures in the docs, measured on your machine
#
# On Linux, pip's default torch brings several GB of CUDA libraries. Without a GPU, name an index of CPU wheels:
#   make demo TORCH_ARGS="--index-url <the CPU index from PyTorch's 'Get started' page>"

PYTHON ?= python3
TORCH_ARGS ?=
DATA ?= data
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTEST_ARGS := $(if $(FAST),-m "not slow",)

.PHONY: demo test lint bench clean

demo: .venv/.installed
	$(BIN)/winnow demo -o demo-output

test: .venv/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.installed-dev
	$(BIN)/python -m benchmarks --data "$(DATA)"

clean:
	rm -rf .venv demo-output dist

# torch first and by itself: a range asked for by another package would take the newest build, whatever its size.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Winnow needs Python 3.11 or newer; say which with: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@echo "Installing into .venv (the first time takes some minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) $(TORCH_ARGS) torch
	$(PIP) --editable ".[map]"
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(PIP) --editable ".[dev]"
	@touch $@
