# Needs make and Python 3.11 or newer, nothing else. `make` alone lists the targets.
#   PYTHON=python3.12   interpreter that builds the environment (python3)
#   VENV=folder         where the environment lives (.venv)
#   WORKERS=2           processes of the test suite (auto: one for each core)
#   ARGS="..."          more arguments for the command behind test, fuzz, demo, results or bench
#   UV_TORCH_BACKEND=auto  a build of torch for the GPU of this machine (cpu)
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= auto
ARGS ?=
export PYTHON VENV

RUN := $(VENV)/bin/python -m
SOURCES := pyproject.toml .ci/constraints.txt .ci/install.py

.PHONY: help install test fuzz lint demo results bench
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

install: $(VENV)/.dev ## build .venv with everything that developing and training need

test: $(VENV)/.dev ## run the whole test suite
	$(RUN) pytest -n $(WORKERS) --dist loadscope $(ARGS)

fuzz: $(VENV)/.dev ## attack everything for half an hour on two cores (ARGS="--scale 0.01 --only actions --seed 3")
	$(RUN) tests.fuzz $(ARGS)

lint: $(VENV)/.dev ## check style and types
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) pyright

demo: $(VENV)/.dev ## train an agent for two minutes and compare it with the baselines
	$(RUN) splitgym demo $(ARGS)

results: $(VENV)/.bench ## regenerate every table and figure of the README (16 minutes; an hour more if agents are to be trained)
	$(VENV)/bin/python .ci/results.py $(ARGS)

bench: $(VENV)/.bench ## measure rates beside those of other simulators
	$(RUN) splitgym bench $(ARGS)

$(VENV)/.dev: $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "splitgym needs Python 3.11 or newer, and $(PYTHON) is %d.%d; name another one: make install PYTHON=python3.11" % sys.version_info[:2])'
	@$(PYTHON) .ci/install.py $(VENV) dev
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@$(PYTHON) .ci/install.py $(VENV) bench
	@touch $@
