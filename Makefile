# Needs make and Python 3.11 or newer, nothing else. `make` alone lists the targets.
#   PYTHON=python3.12   interpreter that builds the environments (python3)
#   VENV=folder         where the environment lives (.venv); others beside it: .venv-bench, .venv-recipes-rllib, ...
#   WORKERS=2           processes of the test suite (auto: one for each core)
#   ARGS="..."          more arguments for the command behind lock, test, test-recipes, test-newest, test-lowest, fuzz, docs, demo, agents, fits, results or bench
#   UV_TORCH_BACKEND=auto  a build of torch for the GPU of this machine (cpu)
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= auto
ARGS ?=
export PYTHON VENV

BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN := $(VENV)/$(BIN)/python -m
SUITE = -n $(WORKERS) --dist loadscope $(ARGS)
SOURCES := pyproject.toml .ci/lock.txt .ci/install.py

.PHONY: help install lock test test-recipes test-newest test-lowest fuzz lint docs demo agents fits leaderboard results bench
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile

install: $(VENV)/.dev ## build .venv with everything that developing and training need, in the versions of .ci/lock.txt
	@$(RUN) splitgym warmup || true # without it, first steps compile

lock: $(VENV)/.dev ## write .ci/lock.txt anew with the newest versions (ARGS="-P numpy": one of them)
	$(VENV)/$(BIN)/python .ci/lock.py $(ARGS)

test: $(VENV)/.dev ## run the whole test suite
	$(RUN) pytest $(SUITE)

test-recipes: $(VENV)/.dev ## run the recipes of other libraries, each in an environment of its own (ARGS="--venv rllib")
	$(VENV)/$(BIN)/python .ci/recipes.py $(ARGS)

test-newest: $(VENV)/.dev ## run it with the newest version of everything, and name the package that breaks a test
	$(VENV)/$(BIN)/python .ci/ends.py newest $(VENV)-newest $(SUITE)

test-lowest: $(VENV)/.dev ## run it with the lowest versions of pyproject.toml, and name the package that breaks a test
	$(VENV)/$(BIN)/python .ci/ends.py lowest $(VENV)-lowest $(SUITE)

fuzz: $(VENV)/.dev ## attack everything for half an hour on two cores (ARGS="--scale 0.01 --only actions --seed 3")
	$(RUN) tests.fuzz $(ARGS)

lint: $(VENV)/.dev ## check style and types
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) pyright

docs: $(VENV)/.dev ## build the documentation site, docs/_build/html/index.html; every warning is an error
	$(RUN) sphinx -W --keep-going -n -q -b html docs docs/_build/html $(ARGS)

demo: $(VENV)/.dev ## train an agent for two minutes and compare it with the baselines
	$(RUN) splitgym demo $(ARGS)

agents: $(VENV)/.dev ## train the agents of the zoo; what is finished is kept, the rest goes on (ARGS="--only enachi")
	$(VENV)/$(BIN)/python .ci/agents.py $(ARGS)

fits: $(VENV)/.dev ## fit the models of the policy dpp for presets that have none (ARGS=--again: for all; ten minutes)
	$(VENV)/$(BIN)/python .ci/fits.py $(ARGS)

leaderboard: $(VENV)/.dev ## play every policy and every agent of the zoo on every preset, and write the page; trains nothing
	$(VENV)/$(BIN)/python .ci/results.py --only '\.ci/leaderboard'

results: $(VENV)-bench/.all ## regenerate every table and figure of the README and the pages (16 minutes; an hour more if agents are to be trained)
	$(VENV)-bench/$(BIN)/python .ci/results.py $(ARGS)

bench: $(VENV)-bench/.all ## measure rates beside those of other simulators, in an environment of its own
	$(VENV)-bench/$(BIN)/python -m splitgym bench $(ARGS)

$(VENV)/.dev $(VENV)-bench/.all: $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "splitgym needs Python 3.11 or newer, and $(PYTHON) is %d.%d; name another one: make install PYTHON=python3.11" % sys.version_info[:2])'
	@$(PYTHON) .ci/install.py $(@D) $(subst .,,$(@F))
	@touch $@
