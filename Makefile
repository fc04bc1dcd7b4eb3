# Two commands matter: `make run` (the shop, on real data) and `make test`. Both set themselves up.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8300
NOW ?= 2017-11-20T14:00:00Z
EVALUATIONS ?= 1000000
SEED ?= 1
WEEK ?= 2017-11-20T05:00:00Z

.PHONY: run test check conformance coverage bench bench-engine bench-rules fuzz shoppers locust docs pictures clean

run: .venv/.demo  ## set up, prepare data, train, compile, start origin + edge + shop
	@$(BIN)/python bundles/storefront/train.py
	@$(BIN)/edgewise dev bundles/storefront --port $(PORT) --now $(NOW) --publish $(WEEK)

shoppers: .venv/.dev  ## send the test weeks' real baskets through the running edge
	@$(BIN)/python -m loadtest.shoppers --edge http://127.0.0.1:$(PORT)

test: check  ## set up, check the code, pass all tests
	@$(BIN)/python -m pytest

conformance: .venv/.dev  ## fetch the conformance tests of CEL (needs npm and node) and pass them
	@$(BIN)/python tests/conformance/cel_spec.py
	@$(BIN)/python -m pytest tests/conformance/test_cel_conformance.py

coverage: .venv/.dev  ## branch coverage of contracts and engine by the suites that promise it
	@$(BIN)/python -m pytest --cov tests/unit/contracts tests/unit/engine tests/conformance tests/property

check: .venv/.dev  ## style, types, direction of imports, documentation
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -3
	@$(BIN)/python -m docs.generate --check

bench: .venv/.dev  ## latency and rate of decisions beside a bare answer, in one run
	@$(BIN)/python -m loadtest.bench

bench-engine: .venv/.dev  ## one decision, stage by stage, beside the bare run of its model
	@$(BIN)/python -m loadtest.engine_bench

bench-rules: .venv/.dev  ## rules beside CEL libraries (extra `peers`) and code by hand, in one run
	@$(BIN)/python -m loadtest.rule_bench

fuzz: .venv/.dev  ## the rule language against the reference library, and broken rules, at length
	@$(BIN)/python -m tests.differential --evaluations $(EVALUATIONS) --seed $(SEED)

locust: .venv/.dev  ## Locust, replaying real baskets, against the running edge
	@$(BIN)/locust -f loadtest/locustfile.py --headless --users 20 --spawn-rate 20 --run-time 30s --host http://127.0.0.1:$(PORT)

docs: .venv/.dev  ## write the generated pages of docs/reference
	@$(BIN)/python -m docs.generate

pictures: .venv/.dev  ## decide for real households and paint docs/images (needs what `make run` trained, and chromium)
	@$(BIN)/python -m docs.pictures

clean:  ## remove what was built, prepared and trained (not the .venv)
	@rm -rf dist .cache .edgewise bundles/*/dist bundles/*/data bundles/*/models.lock

.venv/.demo .venv/.dev: .venv/.%: pyproject.toml constraints.txt engine/scorers/kernel.c
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Edgewise needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
	  || { echo "Could not make .venv; on Debian: apt install python3-venv"; exit 1; }
	@echo "Installing pinned dependencies into .venv (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$*]' 2>.venv/install.log \
	  || { tail -3 .venv/install.log; echo "Could not install the dependencies. Is the package index reachable? Then run the same command again."; exit 1; }
	@touch $@
