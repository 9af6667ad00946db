# Each target sets up everything that it needs, from nothing. PYTHON chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Mutations a kind of `make fuzz`: about five minutes of them; CI tries a tenth.
CASES ?= 1000
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt

.PHONY: demo test test-all test-slow test-cuda fuzz lint format bench reports clean

demo: $(VENV)/run.stamp
	@$(BIN)/auditkit demo

test: $(VENV)/dev.stamp browser
	$(BIN)/python -m pytest

test-all: test test-slow

test-slow: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m slow

# Needs a GPU, and less than five minutes; without one each test is skipped, with the reason.
test-cuda: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 0 -m cuda -rs tests/test_cuda.py

fuzz: $(VENV)/dev.stamp
	AUDITKIT_FUZZ=$(CASES) $(BIN)/python -m pytest -m fuzz tests/fuzz

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py auditkit docs README.md CONTRIBUTING.md

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev.stamp
	@$(BIN)/python -c "import divexplorer, sliceline" 2>/dev/null || PIP_CONSTRAINT=constraints.txt $(PIP) --editable ".[bench]"
	$(BIN)/python -m tests.benchmarks

reports: $(VENV)/dev.stamp browser
	AUDITKIT_ON_ERROR=raise SOURCE_DATE_EPOCH=1795521600 $(BIN)/auditkit demo --out reports/samples --name income --quiet
	$(BIN)/python -m tests.browser.picture

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/run.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing auditkit and what it needs into $(VENV) ..."
	@PIP_CONSTRAINT=constraints.txt $(PIP) --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing auditkit and its development tools into $(VENV) ..."
	@PIP_CONSTRAINT=constraints.txt $(PIP) --editable ".[dev]"
	@touch $@ $(VENV)/run.stamp

# The browser tests drive Debian's Chromium; where it cannot be installed they are skipped, with the reason.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing chromium ..." && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	  echo "no chromium: install it (apt install chromium) to run the browser tests; they will be skipped"
