# `make run` is all that one needs. GNU Make 3.81 (macOS) or newer.
VENV := .venv
PYTHON_HERE := $(VENV)/bin/python
INSTALL := $(PYTHON_HERE) -m pip install --quiet --disable-pip-version-check --only-binary xllamacpp
ARGS ?=

# An environment that was made elsewhere, or whose Python is gone, is made anew.
$(shell [ -x $(PYTHON_HERE) ] && [ "$$(cat $(VENV)/.place 2>/dev/null)" = "$$(pwd)" ] \
    || rm -f $(VENV)/.made $(VENV)/.for-use $(VENV)/.for-work)

.PHONY: run test check bench screenshots clean model

run: $(VENV)/.for-use
	@$(PYTHON_HERE) -m ollama_tui.engine_fetch --quiet \
	    || echo "WARNING: no built-in engine; going on, since an Ollama may be there." >&2
	@exec $(VENV)/bin/ollama-tui $(ARGS)

test: $(VENV)/.for-work model
	@$(PYTHON_HERE) -m pytest $(ARGS)

check: $(VENV)/.for-work
	$(PYTHON_HERE) -m ruff format --check .
	$(PYTHON_HERE) -m ruff check .
	$(PYTHON_HERE) -m mypy

bench: $(VENV)/.for-work model
	@$(PYTHON_HERE) -m benchmarks $(ARGS)

screenshots: $(VENV)/.for-work model
	@$(PYTHON_HERE) -m screenshots.make $(ARGS)

# What needs the model says so itself.
model: $(VENV)/.for-work
	@$(PYTHON_HERE) -m ollama_tui.engine_fetch --quiet || echo "WARNING: going on without the model." >&2

# The model stays: it lies in the user's data folder, not here.
clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@sh scripts/venv.sh $(VENV)
	@touch $@

$(VENV)/.for-use: $(VENV)/.made pyproject.toml
	@echo "Installing into $(VENV) (this takes a minute, once) ..."
	@$(INSTALL) -e '.[embedded]' || { \
	    echo "WARNING: trying without the built-in engine, which has no build for this machine." >&2; \
	    $(INSTALL) -e .; }
	@touch $@

$(VENV)/.for-work: $(VENV)/.made pyproject.toml
	@echo "Installing into $(VENV), with the tools for development (once) ..."
	@$(INSTALL) -e '.[embedded,dev]'
	@touch $(VENV)/.for-use $@
