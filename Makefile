# Handfast's front door. `make help` lists what there is. Every target does its own set-up.
#
#     make run             see it work            ARGS='--stay' is passed on
#     make test            everything that is checked before a change goes in
#     make install         PREFIX=/usr/local, DESTDIR=
#
# The build itself is CMake's (CMakeLists.txt, CMakePresets.json); build directories are build/<preset>.

PREFIX ?= /usr/local
ARGS ?=
FUZZ_SECONDS ?= 60
STATES ?= 1000000
SEEDS ?= 1..20000
SOAK_MINUTES ?= 30
SOAK_FROM ?= 1
QUIET := >/dev/null
MAKEFLAGS += --no-print-directory

# Files laid out by clang-format. src/ and include/ are set by hand: their tables and columns are meant to be read.
FORMATTED = $(shell git ls-files --cached --others --exclude-standard \
              $(foreach folder,drivers explore pkt packetdrill cli run sim sockets examples fuzz bench tests,'$(folder)/*.[ch]'))

.PHONY: run test build setup interop interop-short attack attack-short fuzz fuzz-afl fuzz-coverage fuzz-short explore opinion portability coverage mutation soak golden bench bench-tun bench-path \
        bench-lifecycle bench-adversary bench-run packetdrill lint layers purity style ledger fmt fmt-check \
        install clean help
.DEFAULT_GOAL := help

# $(call compile,PRESET[,OPTIONS]) configures when it must and builds. Compilers' words are shown only when they have any.
compile = @cmake --preset $(1) $(QUIET) && cmake --build --preset $(1) $(2) -- --quiet
# $(call suite,PRESET,LABELS) runs the tests of a build directory that carry one of the labels.
suite = @ctest --test-dir build/$(1) -L '^($(2))$$' -j $$(nproc) --output-on-failure --progress

help: ## Lists the targets.
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1\t/p' $(MAKEFILE_LIST) | sort | \
	    while IFS="$$(printf '\t')" read -r name what; do printf '  %-14s %s\n' "$$name" "$$what"; done

run: ## Builds, and shows Handfast at work: it serves files to the kernel's own curl, then `handfast run`.
	@tools/setup.sh run
	@echo "== building"
	$(call compile,release,--target handfast_program --target example_forgetful)
	@build/release/handfast demo $(ARGS)
	@tools/show-run build/release/handfast build/release/examples/example_forgetful

build: ## Builds the library, the program, tests and benchmarks into build/release.
	@tools/setup.sh run
	$(call compile,release)

setup: ## Installs the Debian packages that are missing, or prints the line that does.
	@tools/setup.sh

test: setup ## Runs everything: lint, both compilers, sanitizers, a short fuzz, a short interop, an installation.
	@$(MAKE) lint
	@echo "== clang"
	$(call compile,clang)
	$(call suite,clang,unit|scenario|cli)
	@echo "== gcc, AddressSanitizer, UndefinedBehaviorSanitizer"
	$(call compile,asan)
	$(call suite,asan,unit|scenario|cli)
	@$(MAKE) fuzz-short
	@$(MAKE) interop-short
	@$(MAKE) attack-short
	@echo "== gcc, release"
	@ctest --test-dir build/release -j $$(nproc) --output-on-failure

interop: setup ## Talks to the kernel, curl, nginx, nc and others on TUN and TAP, with and without loss: the full matrix.
	$(call compile,release)
	@tests/interop/run.sh build/release/handfast
	@tests/run/fidelity.py build/release/handfast --long
	@tests/run/leaks.py build/release/handfast build/release/run_programs
	@tests/run/faults.py build/release/handfast build/release/run_programs
	@tests/run/options.py build/release/handfast build/release/run_programs
	@tests/run/life.py build/release/handfast
	@tests/run/real.py build/release/handfast build/release/run_programs

interop-short: setup
	$(call compile,release)
	@echo "== interop"
	@tests/interop/run.sh --short build/release/handfast

attack: setup ## Floods, scans, blind injection and churn against Handfast on a TUN; the long form takes a quarter of an hour.
	$(call compile,release)
	@tests/attack/run.sh build/release/handfast build/release/tests/attack_flood

attack-short: setup
	$(call compile,release)
	@echo "== attack"
	@tests/attack/run.sh --short build/release/handfast build/release/tests/attack_flood

fuzz: setup ## Fuzzes each target for FUZZ_SECONDS (60); findings go to build/fuzz/findings.
	$(call compile,fuzz)
	@tools/fuzz $(FUZZ_SECONDS)

fuzz-afl: setup ## The same by AFL++, which begins with what the other found, and the other way round.
	@tools/setup.sh fuzz-afl
	$(call compile,afl)
	@tools/fuzz --afl $(FUZZ_SECONDS)

fuzz-coverage: setup ## How many inputs there are from all runs so far, and what of each folder they reach.
	$(call compile,coverage,--target fuzzers)
	@tools/fuzz-coverage build/coverage

fuzz-short: setup ## The same for three seconds each.
	@echo "== fuzz"
	$(call compile,fuzz)
	@tools/fuzz 3

explore: setup ## Runs every interleaving of two engines, 14 million states, and finds bugs planted for it (3 minutes).
	$(call compile,release)
	@build/release/explore/explore --states $(STATES)
	@explore/planted.sh cc

opinion: setup ## Plays random sequences (SEEDS) to Handfast and to the host kernel and compares the answers: docs/departures.md.
	$(call compile,release)
	@build/release/tests/opinion/opinion --seeds $(SEEDS)

portability: setup ## Unit tests and scenarios on a big-endian and a 32-bit machine (qemu), with musl, and without any system.
	@tools/setup.sh portability
	@tools/portability

soak: setup ## Long seeds of the simulator for SOAK_MINUTES (30), from seed SOAK_FROM (1) on, after short ones sanitized.
	$(call compile,asan)
	$(call compile,release)
	@echo "== short seeds, AddressSanitizer, UndefinedBehaviorSanitizer"
	@build/asan/handfast sim --seeds $(SOAK_FROM)..4000000000 --for $$(( ($(SOAK_MINUTES) + 5) / 6 ))m
	@echo "== long seeds, release"
	@build/release/handfast sim --long --seeds $(SOAK_FROM)..4000000000 --for $(SOAK_MINUTES)m

coverage: setup ## Lines and branches of src/ that unit tests and scenarios reach, and the lines of src/tcp that none does.
	$(call compile,coverage)
	@find build/coverage -name '*.gcda' -delete
	$(call suite,coverage,unit|scenario)
	@tools/coverage build/coverage

mutation: setup ## Takes each check of synchronized.c and each rung of plan.c away, one at a time: some test must fail (15 minutes).
	@cmake --preset mutation $(QUIET)
	@cmake --build --preset mutation --target handfast_program $$(tests/mutation/mutate.py --tests) -- --quiet
	@tests/mutation/mutate.py build/mutation

golden: setup ## Draws the tables of tests/golden anew: goodput, recovery, fairness and queues, in virtual time.
	$(call compile,release)
	@build/release/tests/golden --write tests/golden
	@git diff --stat -- tests/golden

packetdrill: ## Runs packetdrill scripts against Handfast: PACKETDRILL=the program, SUITE=a script or a folder of them.
	@[ -n "$(PACKETDRILL)" ] && [ -n "$(SUITE)" ] || { echo "make packetdrill PACKETDRILL=/path/to/packetdrill" \
	    "SUITE=/path/to/scripts (docs/packetdrill.md)"; exit 2; }
	$(call compile,release,--target handfast_packetdrill)
	@tools/packetdrill --packetdrill '$(PACKETDRILL)' $(ARGS) '$(SUITE)'

bench: setup ## Measures Handfast in memory, beside lwIP and no TCP at all; build/bench/memory.json is for machines.
	$(call compile,release)
	@build/release/bench/bench_memory $(ARGS)

bench-tun: setup ## The same over a TUN, beside the host kernel (root): build/bench/tun.json.
	$(call compile,release)
	@build/release/bench/bench_tun $(ARGS)

bench-lifecycle: setup ## A million connections and TIME-WAITs, floods, ports, in memory: build/bench/lifecycle.json; ARGS=--short.
	$(call compile,release)
	@build/release/bench/bench_lifecycle $(ARGS)

bench-adversary: setup ## What a hostile receiver's segments cost, beside honest ACKs: build/bench/adversary.json.
	$(call compile,release)
	@build/release/bench/bench_adversary $(ARGS)

bench-path: setup ## Over made paths in real time, beside the host kernel (root): build/bench/path.json, path.svg; ARGS=--short.
	$(call compile,release)
	@build/release/bench/bench_path $(ARGS)

bench-run: setup ## `handfast run` beside slirp4netns, pasta and no network of its own (root): build/bench/run.json.
	$(call compile,release)
	@tests/run/bench.py build/release/handfast --json build/bench/run.json $(ARGS)

lint: setup layers purity style ledger fmt-check ## Checks layers, purity, style, requirements and layout.

layers: ## Checks the direction of every #include.
	@tools/check-layers

purity: setup ## Checks that the engine calls nothing, has no globals, and builds for bare 32-bit machines; prints its size.
	$(call compile,release)
	@tools/check-purity build/release

style: ## Checks what a formatter does not: line and function lengths, opening comments, leftovers.
	@tools/check-style

ledger: ## Joins docs/requirements.tsv with the marks in code and tests; fails on a MUST that is met or tested nowhere.
	@tools/ledger

fmt-check: setup
	@clang-format-14 --dry-run -Werror $(FORMATTED)

fmt: setup ## Lays out the code with clang-format.
	@clang-format-14 -i $(FORMATTED)

install: build ## Installs program, libraries, headers, man pages, pkg-config and CMake files (PREFIX, DESTDIR).
	@cmake --install build/release --prefix '$(PREFIX)' $(QUIET)
	@echo "installed to $(DESTDIR)$(PREFIX)"

clean: ## Removes everything that was built.
	@rm -rf build
