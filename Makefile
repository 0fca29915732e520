# Everything here is plain cargo underneath. Works with GNU Make 3.81 and newer, in a POSIX
# shell and in cmd.exe.

# Set these on the command line: make run-server PORT=9100 DATA_DIR="my files". They are empty
# here so that a HOST, NAME or PORT that happens to be in the environment changes nothing; what is
# not set is left to the programs' own settings and defaults.
HOST =
PORT =
NAME =
BIND =
DATA_DIR =
WEB =
BROWSER =
CLIENTS =
MESSAGES =
SIZE =
UPLOADS =
DOWNLOADS =
FILE_SIZE =
SLOW =
DEAF =
GARBAGE =
NO_TLS =
KILLS =
MINUTES =
N =
SEEDS =
SEED_FROM =
SEED =
REF =
ROUNDS =
WRITE =
SECONDS =
TARGET =
# Further options, written as the program itself wants them.
ARGS =

CARGO = cargo
CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR

ifeq ($(OS)$(MSYSTEM),Windows_NT)
quote = "$(1)"
null = nul
else
quote = '$(subst ','\'',$(1))'
null = /dev/null
# The program takes the shell's place, and with it Ctrl-C and other signals.
exec = exec
endif

# $(call option,--clients,CLIENTS,500): the option with the value of CLIENTS, or with 500 when CLIENTS is
# empty, or nothing at all when there is no default either.
option = $(call with_value,$(1),$(or $(value $(2)),$(3)))
with_value = $(if $(2),$(1) $(call quote,$(2)))
# $(call compile,chatshelf-client,chatshelf): builds a program; shows it only the first time,
# which takes minutes. $(call release,chatshelf) is where the program then is.
compile = $(CARGO) build --release $(if $(wildcard $(CARGO_TARGET_DIR)/release/$(2).d),-q) -p $(1) --bin $(2)
release = $(call quote,$(CARGO_TARGET_DIR)/release/$(1))

# Minor versions of Rust 1 that are too old: 0 to 90, for the rust-version of Cargo.toml.
digits := 0 1 2 3 4 5 6 7 8 9
too_old := $(digits) $(foreach ten,1 2 3 4 5 6 7 8,$(addprefix $(ten),$(digits))) 90
minor_version = $(if $(filter cargo,$(word 1,$(1))),$(word 2,$(subst ., ,$(word 2,$(1)))))

help: ## List these targets
ifeq ($(OS)$(MSYSTEM),Windows_NT)
	@findstr /r /c:"^[a-z].*: .*## " Makefile packaging\packaging.mk
else
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
endif

# One package after the other, as the targets below build them: both at once would choose other
# features of what they share, and the first run would compile again.
build: toolchain ## Build the programs, optimised, into target/release
	$(CARGO) build --release -p chatshelf-server
	$(CARGO) build --release -p chatshelf-client

run-server: toolchain ## Run a server [PORT=9000 BIND= DATA_DIR= WEB=https ARGS=]
	@$(call compile,chatshelf-server,chatshelf-server)
	@$(exec) $(call release,chatshelf-server) $(call option,--port,PORT) \
		$(call option,--bind,BIND) $(call option,--data-dir,DATA_DIR) \
		$(call option,--web,WEB) $(ARGS)

windows: toolchain mingw ## Build the programs for Windows into target/windows (needs MinGW)
	$(CARGO) build --profile windows-release --target $(windows_target) --bins \
		-p chatshelf-server -p chatshelf-client
	@mkdir -p $(call quote,$(windows))
	@cp $(patsubst %,$(call quote,$(CARGO_TARGET_DIR)/$(windows_target)/windows-release/%.exe),$(windows_programs)) \
		$(call quote,$(windows))
	@for program in $(windows_programs); do \
		imports=$$(x86_64-w64-mingw32-objdump -p $(call quote,$(windows))/$$program.exe) || exit; \
		if echo "$$imports" | grep 'DLL Name: lib'; then \
			echo "$$program.exe needs a DLL of MinGW, which Windows does not have"; exit 1; \
		fi; \
	done
	@packaging/sizes.sh $(server_bytes_max) $(call quote,$(windows)) .exe
windows = $(CARGO_TARGET_DIR)/windows
windows_target = x86_64-pc-windows-gnu
windows_programs = chatshelf-server chatshelf chatshelf-load

check-windows: toolchain msvc ## Lint all code as it is compiled for Windows, with the types of MSVC
	$(msvc_env) $(CARGO) clippy --workspace --all-targets --target x86_64-pc-windows-msvc --features blake3/pure -- -D warnings

try-windows: windows wine ## Let the programs for Windows join, talk and move files under Wine, once
	common/testkit/wine/session common/testkit/wine/tests once

test-windows: windows wine ## Run all tests for Windows under Wine, then its programs with those of Linux (an hour)
	common/testkit/wine/session common/testkit/wine/tests all

screenshots-windows: windows wine ## Make docs/windows-*.svg, pictures of both programs under Wine
	common/testkit/wine/session common/testkit/wine/tests pictures

# What this machine needs to build for Windows; each error says how to get it.
mingw:
	@$(if $(shell x86_64-w64-mingw32-gcc --version 2>$(null)),,$(error \
		programs for Windows are linked by MinGW, which is not here: install it (on Debian: \
		apt-get install gcc-mingw-w64-x86-64)))
	$(call rust_target,x86_64-pc-windows-gnu)
msvc:
	$(call rust_target,x86_64-pc-windows-msvc)
# Lints link nothing, so where MSVC is missing the C of ring need not be compiled.
msvc_env = $(if $(filter Windows_NT,$(OS)),,CC_x86_64_pc_windows_msvc=true \
	AR_x86_64_pc_windows_msvc=$(call quote,$(CURDIR)/packaging/empty-lib.sh))
# $(call rust_target,TRIPLE): fails if Rust's library for that system is not here.
rust_target = @$(if $(wildcard $(shell rustc --print sysroot)/lib/rustlib/$(1)/lib),,$(error \
	the library of Rust for $(1) is not here: rustup target add $(1)))
wine:
	@$(if $(shell wine --version 2>$(null)),,$(error programs for Windows are tried under Wine, which is \
		not here: install it (on Debian: apt-get install wine wine64)))
.PHONY: windows check-windows try-windows test-windows screenshots-windows mingw msvc wine

share: toolchain ## Write man pages and shell completions to target/share, laid out as in /usr/share
	@$(call compile,chatshelf-server,chatshelf-server)
	@$(call compile,chatshelf-client,chatshelf)
	@$(call share,chatshelf)
	@$(call share,chatshelf-load)
	@$(call share,chatshelf-server)
# $(call share,chatshelf): what a program generates, where packages put it. The names are the shells'.
share = set -e; cd $(call quote,$(CARGO_TARGET_DIR)); \
	mkdir -p share/man/man1 share/bash-completion/completions share/zsh/site-functions \
		share/fish/vendor_completions.d; \
	release/$(1) --generate man > share/man/man1/$(1).1; \
	release/$(1) --generate bash > share/bash-completion/completions/$(1); \
	release/$(1) --generate zsh > share/zsh/site-functions/_$(1); \
	release/$(1) --generate fish > share/fish/vendor_completions.d/$(1).fish

run-client: toolchain ## Join a server [HOST=127.0.0.1[:9000] PORT=9000 NAME= ARGS=]
	@$(call compile,chatshelf-client,chatshelf)
	@$(exec) $(call release,chatshelf) $(call option,--host,HOST) \
		$(call option,--port,PORT) $(call option,--name,NAME) $(ARGS)

test: toolchain ## Run all tests
	$(CARGO) test --workspace
	$(solutions)
# The exercises of docs/READING.md can be solved.
solutions = $(CARGO) test -q --manifest-path docs/exercises/Cargo.toml --features solutions

test-web: toolchain ## Test the page under node and in a browser [BROWSER=chromium, all of it; or firefox or webkit, the main path]
	$(call with_page,$(BROWSER))

screenshots-web: toolchain ## Make docs/web-*.png, pictures of the page (Chromium; Debian: fonts-wqy-microhei)
	$(call with_page,pictures)
# $(call with_page,firefox): tests the page in a browser, or takes its pictures.
define with_page
	@$(call compile,chatshelf-server,chatshelf-server)
	@$(call compile,chatshelf-client,chatshelf)
	@server/web/test/run.sh $(call quote,$(abspath $(CARGO_TARGET_DIR)/release)) \
		$(call quote,$(abspath $(CARGO_TARGET_DIR)/node)) $(1)
endef
.PHONY: screenshots-web

check: toolchain ## Check format, lints, docs, spelling, crates, workflows and scripts, then run all tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) doc --workspace --no-deps
	$(call checker,typos)
	$(call with_all_crates,$(call checker,cargo-deny,--offline check bans licenses sources))
	$(call checker,actionlint)
	$(call checker,hadolint,packaging/Dockerfile)
	$(call checker,shellcheck,$(scripts))
	$(fuzz_check)
	$(CARGO) test --workspace
	$(solutions)
check: export RUSTDOCFLAGS = -Dwarnings
# The programs that a fuzzer runs; what they run is tested with the rest. They use the crates of
# Cargo.lock, and one more.
fuzz_check = $(if $(filter Windows_NT,$(OS)),,$(if $(shell cp Cargo.lock fuzz && \
	$(CARGO) fetch -q --manifest-path fuzz/Cargo.toml 2>&1),@echo libfuzzer-sys cannot be fetched: the programs \
	of fuzz/ are not checked,$(CARGO) check --manifest-path fuzz/Cargo.toml --no-default-features))
scripts = .ci/review .ci/run fuzz/run.sh server/web/test/run.sh $(wildcard packaging/*.sh packaging/debian/*.sh) $(addprefix common/testkit/wine/,session tests)
# $(call checker,typos,OPTIONS): runs a checker of `make tools`, or else the one on PATH. Where there
# is neither, says so: the other checks do not depend on it.
checker = $(if $(call found,$(1)),$(call quote,$(call found,$(1))) $(2),@echo $(1) is not here, so it \
	checks nothing: make tools installs it)
found = $(firstword $(wildcard $(tools)/$(1) $(tools)/$(1).exe) $(if $(shell $(1) --version 2>$(null)),$(1)))
# cargo-deny looks at the crates of every system, where building fetches those of one.
with_all_crates = $(if $(shell $(CARGO) fetch -q --locked 2>&1),@echo the crates of other systems are not \
	here: cargo-deny checks nothing until cargo fetch --locked has fetched them,$(1))
# The Python with the packages of `make tools`, for tests that need some of them.
export CHATSHELF_TEST_PYTHON = $(wildcard $(tools)/python)
tools = $(CARGO_TARGET_DIR)/tools/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

tools: ## Install what make check needs besides cargo into target/tools (needs Python 3)
	@$(call python_tools,tools,.ci/tools.txt)
# $(call python_tools,tools,LIST): installs the packages of a list into a folder of their own in target/.
# $(call python_of,tools) is the Python that has them.
python_tools = $(if $(filter Windows_NT,$(OS)),python,python3) -m venv $(call quote,$(CARGO_TARGET_DIR)/$(1)) && \
	$(call python_of,$(1)) -m pip install -q --disable-pip-version-check -r $(2)
python_of = $(call quote,$(CARGO_TARGET_DIR)/$(1)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)/python)

node: ## Install Node.js into target/node, for test-web where the system's is older than 20 (needs Python 3)
	@$(call python_tools,node,.ci/node.txt)
.PHONY: node

figures: toolchain ## Draw the figures of docs/REPORT.md again, into docs/figures
	@$(CARGO) run -q -p chatshelf-common --example figures

report: ## Make docs/REPORT.md into target/REPORT.pdf (needs Python 3)
	@$(call python_tools,report-tools,docs/report/tools.txt)
	@$(call python_of,report-tools) docs/report/build.py $(call quote,$(CARGO_TARGET_DIR)/REPORT.pdf)

review: toolchain ## Run the commands of REVIEW.md and compare what they print (bash) [ARGS="words of headings"]
	@.ci/review $(ARGS)
.PHONY: review

dist: static-x86_64 windows report ## Pack sources, programs, report and licences into one zip in target/dist (Linux)
	$(call needs,zip,the zip is made,zip)
	@packaging/dist.sh $(version) $(call quote,$(CARGO_TARGET_DIR)) \
		$(call quote,$(call musl_dir,x86_64)) $(call quote,$(windows))

test-dist: dist ## Unpack that zip into an empty folder and do there what INSTRUCTIONS.md says
	$(call needs,pdftotext,the report is read,poppler-utils)
	@packaging/test-dist.sh $(call quote,$(CARGO_TARGET_DIR)/dist/chatshelf-$(version).zip)
.PHONY: dist test-dist

exercise: toolchain ## Check your answer to an exercise of docs/READING.md [N=1, to 10]
	@$(CARGO) test -q --manifest-path docs/exercises/Cargo.toml --test 'e$(or $(value N),1)_*'
.PHONY: exercise

mutants: toolchain ## Change the code one place at a time and see which changes no test notices (hours) [ARGS=]
	@$(if $(wildcard $(mutants)/bin/cargo-mutants),,$(CARGO) install --locked cargo-mutants \
		--version 27.1.0 --root $(call quote,$(mutants)))
	$(call quote,$(mutants)/bin/cargo-mutants) mutants --output $(call quote,$(CARGO_TARGET_DIR)) \
		--test-workspace false --package chatshelf-common --package chatshelf-server $(ARGS) -- --lib
mutants = $(CARGO_TARGET_DIR)/mutants-tool
.PHONY: mutants

fuzz: toolchain ## Fuzz everything that reads outside input (Linux) [SECONDS=600 TARGET=, of fuzz/targets]
	@$(if $(wildcard $(fuzz)/bin/cargo-fuzz),,$(CARGO) install --locked cargo-fuzz --version 0.13.1 \
		--root $(call quote,$(fuzz)))
	@PATH=$(call quote,$(abspath $(fuzz)/bin)):"$$PATH" fuzz/run.sh $(or $(value SECONDS),600) $(TARGET)
fuzz = $(CARGO_TARGET_DIR)/fuzz-tool
.PHONY: fuzz

load-test: toolchain ## Load a server [CLIENTS=500 MESSAGES= SIZE= UPLOADS= DOWNLOADS= FILE_SIZE= SLOW= DEAF= GARBAGE= NO_TLS= WEB= HOST= PORT=]
	@$(call compile,chatshelf-server,chatshelf-server)
	@$(call compile,chatshelf-client,chatshelf-load)
	@$(exec) $(call release,chatshelf-load) $(call option,--clients,CLIENTS,500) \
		$(call option,--messages,MESSAGES) $(call option,--size,SIZE) \
		$(call option,--uploads,UPLOADS) $(call option,--downloads,DOWNLOADS) \
		$(call option,--file-size,FILE_SIZE) $(call option,--slow,SLOW) \
		$(call option,--deaf,DEAF) $(call option,--garbage,GARBAGE) $(if $(NO_TLS),--no-tls) $(if $(WEB),--web) \
		$(call option,--host,HOST) $(call option,--port,PORT) $(ARGS)

bench: toolchain ## Measure the server next to the least possible (Linux) [ROUNDS=3 WRITE=]
	@$(CARGO) bench -q -p chatshelf-server --bench speed -- $(bench_options) $(ARGS)

bench-peers: toolchain ## The same, next to other servers that are installed [ROUNDS=3 WRITE=]
	@$(CARGO) bench -q -p chatshelf-server --bench speed -- --peers $(bench_options) $(ARGS)
bench_options = $(call option,--rounds,ROUNDS) $(if $(value WRITE),--write)

comparison: toolchain ## Measure one small server in C, Rust, Go, Java and Python (Linux) [ROUNDS=3 WRITE=]
	@$(CARGO) bench -q -p chatshelf-server --bench speed -- --comparison $(bench_options) $(ARGS)

bench-client: toolchain ## Measure what the full screen costs in a room that talks without end (Linux)
	@$(CARGO) test -q --release -p chatshelf-client --test e2e -- --ignored --nocapture what_a_flood_costs

instructions: toolchain valgrind ## Count the instructions of the server's hot paths (Linux, valgrind)
	@$(CARGO) bench -q --profile instructions -p chatshelf-server --bench instructions

check-metrics: toolchain ## Ask a real Prometheus every query of the dashboard (Unix; Debian: apt-get install prometheus)
	@$(if $(shell promtool --version 2>$(null)),,$(error \
		this needs prometheus and promtool: install them (on Debian: apt-get install prometheus)))
	@$(CARGO) test -q -p chatshelf-server --test e2e -- --include-ignored --nocapture prometheus::

simulate: toolchain ## Run the server and its clients in a simulated world [SEEDS=2000 SEED_FROM=0 or SEED=]
	@$(CARGO) test -q --profile simulate -p chatshelf-server --test simulator -- --nocapture whatever_happens
simulate: export SEEDS := $(or $(value SEEDS),2000)
simulate: export SEED_FROM := $(value SEED_FROM)
simulate: export SEED := $(value SEED)

kill-test: toolchain ## Kill a server at random moments, again and again, and check what is left [KILLS=200]
	@$(CARGO) test -p chatshelf-server --test e2e -- --nocapture crashes
kill-test: export KILLS := $(or $(value KILLS),200)

soak: toolchain ## Load a server for a long time and check that it does not grow (Linux) [MINUTES=30]
	@$(CARGO) test --release -p chatshelf-server --test e2e -- --ignored --nocapture soak
soak: export MINUTES := $(or $(value MINUTES),30)

compat: toolchain ## Let the programs of another commit talk to these, both ways [REF=HEAD]
	@$(CARGO) test -q -p chatshelf-client --test e2e -- --ignored --nocapture frozen::compat
compat: export REF := $(or $(value REF),HEAD)

record: toolchain ## Record the sessions of common/tests/frozen: once for each version of the protocol
	@$(CARGO) test -q -p chatshelf-client --test e2e -- --ignored frozen::record

screenshots: toolchain ## Make docs/screen.svg, docs/plain.svg and docs/session.svg, pictures of real screens (Unix)
	@$(CARGO) test -q -p chatshelf-client --test e2e -- --ignored --nocapture screenshots

include packaging/packaging.mk

clean: toolchain ## Remove everything that was built
	$(CARGO) clean

toolchain:
	@$(if $(filter-out $(too_old),$(call minor_version,$(shell $(CARGO) --version 2>$(null)))),,$(error \
		chatshelf needs Rust 1.91 or newer: install it from https://rustup.rs, or as the \
		packages cargo and rustc of your distribution))

valgrind:
	@$(if $(shell valgrind --version 2>$(null)),,$(error \
		instructions are counted by valgrind, which is not here: install it (on Debian: \
		apt-get install valgrind)))

.PHONY: help build share run-server run-client test test-web check tools figures report load-test bench bench-peers comparison bench-client instructions \
	check-metrics simulate kill-test soak compat record screenshots clean toolchain valgrind
