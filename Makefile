# Aletheia. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# What `make demo` works on; empty means the embedded data set.
SOURCE ?=
FFHQ ?=
MANIFEST ?=
ARGS ?=

# The demo's options as command-line words, only those that were given.
demo_args = $(if $(SOURCE),--source "$(SOURCE)") $(if $(FFHQ),--ffhq "$(FFHQ)") $(if $(MANIFEST),--manifest "$(MANIFEST)") $(ARGS)

# Two processes of one thread each: with more they would wait for one another. Each runs neighbouring files, so that
# what a module's tests share is mostly made once.
TESTS = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2
FAST_TESTS = $(TESTS) --dist worksteal -m "not slow"
SLOW_TESTS = $(TESTS) --dist loadfile --no-loadscope-reorder

.PHONY: help setup setup-kfp demo demo-lifecycle test test-fast test-long compiled lint functions check-functions notebooks serve ui bench bench-serve bench-stats bench-audit bench-monitor docs docs-notebooks lock grafana clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'
	@echo
	@echo '  make demo SOURCE=folder [FFHQ=folder] [MANIFEST=file.csv] runs on your own pictures:'
	@echo '  folder/real/… and folder/fake/…; FFHQ is a folder of genuine faces to balance with.'

setup: $(READY) ## create .venv with the exact versions of requirements.txt

$(READY): requirements.txt pyproject.toml scripts/setup
	@scripts/setup $(VENV)
	@touch $@

setup-kfp: .venv-kfp/.ready ## create .venv-kfp with Kubeflow's compiler, for `aletheia workflow compile`

.venv-kfp/.ready: deploy/kubeflow/requirements.txt $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-kfp
	@$(BIN)/uv pip install --quiet --python .venv-kfp --no-deps --require-hashes \
		-r deploy/kubeflow/requirements.txt
	@touch $@

demo: $(READY) ## the main job: data, search, training, evaluation, registration; ends with a table
	@$(BIN)/aletheia run $(demo_args)

demo-lifecycle: $(READY) ## a model after its release: alert, feedback, retraining, trial, rollback; ARGS=--keep leaves its dashboard open
	@$(BIN)/python -m benchmarks.lifecycle_demo $(ARGS)

# mypy keeps one processor busy for a minute; meanwhile the other builds the documentation and compiles what tests import.
test: $(READY) ## every check but the long tests; ends with pytest's summary
	@$(MAKE) --no-print-directory -j 2 lint check-functions docs compiled
	@$(FAST_TESTS)
	@$(SLOW_TESTS) -m "slow and not long"

test-fast: $(READY) ## the fast tests; under six minutes on two cores
	@$(FAST_TESTS)

test-long: $(READY) ## the tests that take minutes each: the demos, Kubeflow's pipeline, the container images; twenty minutes and more
	@$(SLOW_TESTS) -m long

compiled: $(READY) # keep the bytecode of what the tests import; a module that fails to import fails in the tests, too
	@$(BIN)/python -m pytest -q --collect-only >/dev/null 2>&1 || true

lint: $(READY) ## style (ruff), layers (import-linter) and types (mypy) of the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

functions: $(READY) ## generate functions/ from the notebooks
	@$(BIN)/aletheia functions build

check-functions: $(READY) ## fail when a notebook and its function differ
	@$(BIN)/aletheia functions check

notebooks: $(READY) ## open the notebooks in JupyterLab
	@$(BIN)/aletheia tracking start
	@$(BIN)/jupyter lab notebooks

serve: $(READY) ## answer by HTTP and with a page, from the registered model; ARGS="--model … --port …"
	@$(BIN)/aletheia serve $(ARGS)

ui: $(READY) ## open the MLflow UI on the embedded data; says how to point the MLRun UI at it
	@$(BIN)/aletheia tracking ui

bench: $(READY) ## measure speed and memory; prints figures and ratios
	@$(BIN)/python -m benchmarks

bench-serve: $(READY) ## the service under load beside a Flask server; ARGS="--soak 10" or ARGS=--kill for the long ones
	@$(BIN)/python -m benchmarks.serving $(ARGS)

bench-stats: $(READY) ## simulate how often intervals hold the truth, what the gate lets pass, bias tests find and aletheia ab promotes; ARGS="--trials 200"
	@$(BIN)/python -m benchmarks.intervals $(ARGS)
	@$(BIN)/python -m benchmarks.bias_level $(ARGS)
	@$(BIN)/python -m benchmarks.promise $(ARGS)
	@$(BIN)/python -m benchmarks.gate $(ARGS)
	@$(BIN)/python -m benchmarks.ab $(ARGS)

bench-monitor: $(READY) ## what the prediction log costs, false alarms of aletheia monitor, and which incidents it notices
	@$(BIN)/python -m benchmarks.monitoring
	@$(BIN)/python -m benchmarks.incidents $(ARGS)

bench-audit: $(READY) ## plant shortcuts, train on them, and see whether the gate refuses; ARGS="--only mark_inside"
	@$(BIN)/python -m benchmarks.audit $(ARGS)

docs: $(READY) ## build the documentation into build/site; fails on a warning or a broken link
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "docs: build/site/index.html"

docs-notebooks: $(READY) ## execute the notebooks for the documentation (minutes), and build it with their outputs
	@$(BIN)/python scripts/docs_site/execute.py
	@$(MAKE) --no-print-directory docs

lock: $(READY) ## compile requirements.txt from pyproject.toml, and the images' from both; ARGS="--upgrade-package NAME" raises a version
	@$(BIN)/uv pip compile pyproject.toml --all-extras --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --quiet -o requirements.txt $(ARGS)
	@$(BIN)/uv pip compile deploy/serving/requirements.in -c requirements.txt --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --no-emit-find-links --quiet -o deploy/serving/requirements.txt
	@$(BIN)/uv pip compile pyproject.toml --extra pretrained --extra s3 --extra search -c requirements.txt \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet \
		-o deploy/functions/requirements.txt
	@$(BIN)/uv pip compile deploy/kubeflow/requirements.in --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --quiet -o deploy/kubeflow/requirements.txt

grafana: $(READY) ## write the Grafana dashboard from deploy/grafana/dashboard.py
	@$(BIN)/python deploy/grafana/dashboard.py

clean: ## remove the environment and what runs left behind (data/ and artifacts/ stay)
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
