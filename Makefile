# Each target sets up what it needs on first use. `make` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: help setup train test checks evaluate serve label-studio test-label-studio bench bench-serving bench-scale bench-train rehearse results

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

setup: $(READY) ## Create .venv with everything that training, judging and the tests need

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

EXP ?= compact
NAME ?= $(EXP)
train: $(READY) ## Train EXP (default compact) and judge it on the held-out gold set
	$(RUN) -m trainer train +exp=$(EXP) name=$(NAME) $(OVERRIDES)
	$(RUN) -m eval models/$(NAME) --no-gates

test: $(READY) ## Run the default test suite
	$(RUN) -m pytest

checks: $(READY) ## Formatter, linter and type checker
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

evaluate: $(READY) ## Judge RUN (default models/compact)
	$(RUN) -m eval $(or $(RUN_DIRECTORY),models/$(NAME))

serve: $(READY) ## Serve models/NAME on http://127.0.0.1:PORT (default 8000): API, Label Studio backend, demo page
	$(RUN) -m trainer serve --model models/$(NAME) --port $(or $(PORT),8000)

label-studio: ## Set up and start a Label Studio server of your own on http://127.0.0.1:8080
	scripts/label_studio.sh start

test-label-studio: $(READY) ## Test the loop on a real Label Studio server, and in Chromium (installed if need be)
	scripts/browser_packages.sh
	$(RUN) -m pytest -m '(server or browser) and not slow'

bench: $(READY) ## Extraction speed beside Hugging Face's pipeline, at compact's and AraBERT's shape: JSON and plot
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[openvino]'
	$(RUN) -m trainer.learning.speed_benchmark
	$(RUN) scripts/readme_tables.py

bench-serving: $(READY) ## Latency, throughput and memory of RUN_DIRECTORY (default models/default) under 64 clients, 6 minutes: JSON and table
	$(RUN) -m trainer.serving.benchmark --model $(or $(RUN_DIRECTORY),models/default)
	$(RUN) scripts/readme_tables.py

bench-scale: $(READY) ## The local engine beside Ray with two workers, 4 minutes: JSON and table
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	$(RUN) -m trainer.learning.scale_benchmark --model $(or $(RUN_DIRECTORY),models/default)
	$(RUN) scripts/readme_tables.py

bench-train: $(READY) ## Training speed beside a plain Hugging Face Trainer at AraBERT's shape (20 minutes): JSON and README's table
	$(RUN) -m trainer.learning.benchmark
	$(RUN) scripts/readme_tables.py

rehearse: $(READY) ## Train AraBERT's exact shape by its Hub name, offline, for a few updates: JSON and README's table
	$(RUN) -m trainer.learning.rehearsal
	$(RUN) scripts/readme_tables.py

results: $(READY) ## Train and judge crf, compact and both together, then write README's table of scores
	$(RUN) -m trainer train +exp=crf
	$(RUN) -m trainer train +exp=compact
	$(RUN) -m trainer train +exp=crf name=crf-without-dev data.use_dev_for_training=false event_head.enabled=false
	rm -rf models/both
	$(RUN) -m trainer ensemble models/compact models/crf-without-dev --name both
	for run in crf compact both; do $(RUN) -m eval models/$$run --no-gates; done
	$(RUN) scripts/readme_tables.py --collect crf compact both
