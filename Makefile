# Everything that CI runs, and everything that a contributor types. Each recipe is one line of `uv run`.
# uv is the only thing needed; where it is missing, `pip install` brings it into .uv/.

UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen
# `make try PATH=…` would hide the shell's own PATH from the recipe.
SHELL_PATH := $(shell echo "$$PATH")
# How many random sequences `make soak` tries, and inputs `make fuzz`, from which seed, and what they are sent to.
N ?= 3000
TARGET ?= child
# How many processes `make chaos` kills; and on which database the service runs meanwhile, or in `make load`.
KILLS ?= 100
DB ?= sqlite
SEED := $(or $(SEED),$(shell date +%s))

.DEFAULT_GOAL := all
.PHONY: all format format-check lint types imports test test-again soak fuzz chaos load check-self audit demo newcomer rule new-rule try bench serve schema generated names pictures

all: format-check lint types imports test  ## what CI runs

.uv/bin/uv:
	python3 -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv

UV_READY := $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv,)

format: $(UV_READY)  ## lay out the code
	$(RUN) ruff format .

format-check: $(UV_READY)  ## say what `format` would change
	$(RUN) ruff format --check .

lint: $(UV_READY)  ## ruff
	$(RUN) ruff check .

types: $(UV_READY)  ## ty
	$(RUN) ty check

imports: $(UV_READY)  ## the layers of ARCHITECTURE.md
	$(RUN) lint-imports

# Much of a test is waiting, hence three on two cores. In the order of names, or the longest file, which holds one test,
# would come last and alone.
test: $(UV_READY)  ## every test, three files at a time
	$(RUN) pytest -n 3 --dist loadfile --no-loadscope-reorder

test-again: $(UV_READY)  ## the tests that failed, one at a time
	$(RUN) pytest -v --last-failed --last-failed-no-failures none

soak: $(UV_READY)  ## random lives of pull requests: make soak N=3000 [SEED=7]
	@echo "N=$(N) SEED=$(SEED)"; SEQUENCES=$(N) $(RUN) pytest tests/test_sequences.py --hypothesis-seed=$(SEED)

fuzz: $(UV_READY)  ## hostile files through the analysing process, or requests to the webhook: make fuzz N=10000 [TARGET=endpoint] [SEED=7]
	@echo "N=$(N) SEED=$(SEED)"; FUZZ=$(N) SEED=$(SEED) $(RUN) pytest tests/test_fuzz_$(TARGET).py

chaos: $(UV_READY)  ## kill, freeze and starve the service: make chaos [KILLS=100] [DB=postgresql] [SEED=7], or FREEZES=50
	@PYTHONPATH=scripts $(RUN) python -m chaos --database $(DB) --kills $(KILLS) --seed $(SEED) $(if $(FREEZES),--freezes $(FREEZES))

load: $(UV_READY)  ## a storm of deliveries, and what came of it: make load [DELIVERIES=800] [RATE=30] [DB=postgresql] [REPLICAS=3]
	$(RUN) python scripts/load.py --database $(DB) $(if $(DELIVERIES),--deliveries $(DELIVERIES)) $(if $(RATE),--rate $(RATE)) $(if $(REPLICAS),--replicas $(REPLICAS))

check-self: $(UV_READY)  ## Postil on its own code
	$(RUN) postil check src tests

audit: $(UV_READY)  ## known weaknesses of the locked dependencies, less those of audit.toml
	$(RUN) python scripts/audit.py

demo: $(UV_READY)  ## a whole pull request on loopback, reviewed by the real service
	$(RUN) postil demo

newcomer:  ## how long it takes from `git clone` to the demo's review, with no cache
	@bash scripts/newcomer.sh

serve: $(UV_READY)  ## the service, with the settings of the environment
	$(RUN) postil serve

rule: $(UV_READY)  ## run one rule's page: make rule NAME=raise-without-from
	$(RUN) pytest tests/test_rules.py -k "$(NAME)"

new-rule: $(UV_READY)  ## write the two files of a rule: make new-rule CHAPTER=resilience NAME=some-pattern
	$(RUN) postil new-rule "$(CHAPTER)" "$(NAME)" --pack rules

try: $(UV_READY)  ## run a rule on real code: make try RULE=raise-without-from PATH=../service [BASE=../before] [SAMPLE=60]
	@export PATH='$(SHELL_PATH)'; $(RUN) python scripts/try.py "$(RULE)" "$(if $(filter command line,$(origin PATH)),$(PATH),.)" $(if $(BASE),--base "$(BASE)") $(if $(SAMPLE),--sample $(SAMPLE))

bench: $(UV_READY)  ## speed and memory, as ratios in one run
	$(RUN) python scripts/bench.py

schema: $(UV_READY)  ## tests/schemas: what a new revision of the tables leaves in databases
	$(RUN) python scripts/dump_schema.py

generated: $(UV_READY)  ## write what is generated: rules/coverage.md, docs/postil.schema.json
	$(RUN) python scripts/generated.py --write

names: $(UV_READY)  ## prove that the names in the catalogues exist, in the newest libraries
	$(RUN) python scripts/prove_names.py

pictures: $(UV_READY)  ## the pictures of README and docs, with Debian's chromium
	$(RUN) python scripts/pictures.py
