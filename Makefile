# SPDX-License-Identifier: Apache-2.0
# The only entry point: `make help` lists what it can do.

VERSION := $(shell sed -n 's/^\#define PVMTRACE_VERSION "\(.*\)"/\1/p' user/version.h)
MACHINE := $(shell uname -m)
BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(MACHINE)))

# ---- what may be set from outside -------------------------------------------------------------

PREFIX ?= /usr/local
CFLAGS ?= -O2 -g -fPIE -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2
LDFLAGS ?= -pie -Wl,-z,relro,-z,now,-z,noexecstack
# The unit tests run with these; `make unit SANITIZE=` runs them without.
SANITIZE ?= -fsanitize=address,undefined -fno-sanitize-recover=undefined
# Extra flags of the tracer in `make run`, of tests/fresh, and of tests/bench/bench.
ARGS ?=
FRESH_ARGS ?=
BENCH_ARGS ?=
# ARCH=arm64 cross-builds: build/arm64/build/pvmtrace.
ARCH ?=
# How 32-bit programs are built.
CC32 ?= $(CC) -m32
# V=1 shows whole command lines.
V ?=
# WERROR=1 makes warnings errors.
WERROR ?=

find_tool = $(shell packaging/make/find-tool $(1))
CLANG ?= $(call find_tool,clang clang-14)
BPFTOOL ?= $(call find_tool,bpftool)
PKG_CONFIG ?= pkg-config
# Debian's own, with Debian's own pytest; another one in PATH would not know it.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)

# ---- packages of Debian 12 --------------------------------------------------------------------

# strace is the trigger that `make run` suggests.
SETUP_PKGS := gcc libc6-dev clang bpftool pkg-config libbpf-dev libelf-dev zlib1g-dev libcap-dev \
	libseccomp-dev uthash-dev strace
CHECK_PKGS := $(SETUP_PKGS) rsyslog libcmocka-dev libjansson-dev python3 python3-pytest python3-jsonschema \
	python3-fastjsonschema jq stress-ng openmpi-bin libopenmpi-dev libcap2-bin procps util-linux btrfs-progs \
	xz-utils zstd shellcheck cppcheck clang-tidy-14 clang-format-14 libclang-rt-14-dev \
	$(if $(filter x86_64,$(MACHINE)),gcc-multilib qemu-system-x86 busybox-static debian-archive-keyring)
BENCH_PKGS := $(SETUP_PKGS) bpftrace linux-perf strace util-linux valgrind python3
# What a package takes, and what judges it.
DEB_PKGS := $(SETUP_PKGS) build-essential debhelper
PACKAGE_PKGS := $(DEB_PKGS) diffoscope-minimal jq lintian mandoc man-db bash-completion zsh debootstrap ca-certificates
FRESH_PKGS := debootstrap git ca-certificates util-linux python3

# ---- what is made of what ---------------------------------------------------------------------

# These know the skeleton, and with it the kernel half.
SKELETON_USERS := kernel/tracer kernel/openings kernel/tracer_run kernel/configure kernel/hooks kernel/iterators kernel/witness kernel/witness_find kernel/witness_need kernel/steer probe/hooks

BPF_SRC := bpf/pvmtrace.bpf.c
USER_SRC := $(wildcard user/*.c user/*/*.c)
UNIT_SRC := $(wildcard tests/unit/*.c tests/unit/*/*.c)
UNIT_TESTS := $(wildcard tests/unit/test_*.c tests/unit/*/test_*.c)
LIVE_SRC := $(wildcard tests/live/*.c)
BENCH_SRC := $(filter-out %.bpf.c,$(wildcard tests/bench/*.c))
BENCH_BPF := $(wildcard tests/bench/*.bpf.c)

USER_OBJ := $(USER_SRC:%.c=build/%.o)
SKELETON_OBJ := $(SKELETON_USERS:%=build/user/%.o)
UNIT_PROGS := $(UNIT_TESTS:tests/unit/%.c=build/tests/%)
UNIT_OBJ := $(UNIT_SRC:tests/%.c=build/tests/%.o)
UNIT_HELPER_OBJ := $(filter-out $(UNIT_TESTS:tests/%.c=build/tests/%.o),$(UNIT_OBJ))
UNIT_USER_OBJ := $(filter-out build/tests/user/main.o,$(USER_OBJ:build/%=build/tests/%))
LIVE_PROGS := $(LIVE_SRC:tests/%.c=build/%) \
	$(patsubst tests/live/preload/%.c,build/live/%.so,$(wildcard tests/live/preload/*.c))
BENCH_PROGS := $(BENCH_SRC:tests/%.c=build/%) $(BENCH_BPF:tests/%.c=build/%.o)

LIBBPF_CFLAGS = $(shell $(PKG_CONFIG) --cflags libbpf 2>/dev/null)
LIBS = $(or $(shell $(PKG_CONFIG) --libs libbpf 2>/dev/null),-lbpf) -lelf -lz -lcap -lseccomp

WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Wmissing-prototypes -Wvla $(if $(WERROR),-Werror)
DEPENDENCIES := -MMD -MP
# A program does not know where it was built: two of the same sources are the same.
NOWHERE := -ffile-prefix-map=$(CURDIR)=.
USER_FLAGS := -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(NOWHERE) -I. -Iuser -Ibuild $(LIBBPF_CFLAGS)
TEST_FLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g $(WARNINGS) -I. -Iuser -Ibuild -Itests/unit
TRIGGER_FLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g $(WARNINGS) -I. -pthread
# Its types are its own (vmlinux/vmlinux.h), so no warning can come from a system header.
# Instruction set v3 (5.1) has 32-bit operations, through which the verifier follows bounds that are checked
# on 32-bit values.
# libbpf's own macros leave parameters unused, and nested ones of CO-RE reads shadow their variables; the
# state of a call is its record with its data behind it.
BPF_FLAGS := -target bpf -mcpu=v3 -g -O2 -D__TARGET_ARCH_$(BPF_ARCH) -std=gnu11 -Wall -Wextra -Wvla \
	-Wno-unused-parameter -Wno-gnu-variable-sized-type-not-at-end -Wno-unknown-warning-option \
	-Wno-default-const-init-var-unsafe $(if $(WERROR),-Werror) $(NOWHERE) -I. -Ivmlinux $(LIBBPF_CFLAGS)

Q := $(if $(V),,@)
# What is told of a command: its name and what it makes.
tell = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$@')

MAKEFLAGS += --no-print-directory --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
# Objects are kept: make must not take them for intermediate files.
.SECONDARY:

ifneq ($(ARCH),)
.DEFAULT_GOAL := cross
endif

.PHONY: all
all: build/pvmtrace ## build the tracer: build/pvmtrace (the default)

# ---- both halves ------------------------------------------------------------------------------

# Objects depend on build/flags, programs on build/files: these change only when a command line, or the list
# of what is linked, does.
.PHONY: FORCE
FORCE:
build/flags: export TEXT = $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(USER_FLAGS) $(LIBS) / \
	$(CLANG) $(BPF_FLAGS) / $(CC32) $(TEST_FLAGS) $(SANITIZE) $(TRIGGER_FLAGS)
build/flags: FORCE
	@packaging/make/have-tools $(PKG_CONFIG) $(firstword $(CC)) $(firstword $(CLANG)) $(BPFTOOL)
	@packaging/make/keep $@

build/files: export TEXT = $(USER_SRC) / $(UNIT_SRC)
build/files: FORCE
	@packaging/make/keep $@

# Another compiler may make what an older kernel's verifier refuses; docs/kernels.md says on what those were tried.
TRIED_CLANG := 14 19 23
build/clang: build/flags
	@packaging/make/clang-version $(CLANG) $(TRIED_CLANG) >$@

build/%.bpf.raw.o: bpf/%.bpf.c build/flags build/clang
	@mkdir -p $(@D)
	$(call tell,CLANG)
	$(Q)$(CLANG) $(BPF_FLAGS) $(DEPENDENCIES) -MT $@ -MF $(@:.o=.d) -c $< -o $@

# The static linker leaves the DWARF out and keeps the BTF: what is loaded, and carried in the program, is small.
build/%.bpf.o: build/%.bpf.raw.o
	$(call tell,BPFTOOL)
	$(Q)$(BPFTOOL) gen object $@ $<

# Generated code is not ours to judge: clang-tidy finds a leak on one of its error paths.
build/%.skel.h: build/%.bpf.o
	@echo '/* NOLINTBEGIN */' >$@
	$(call tell,BPFTOOL)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >>$@
	@echo '/* NOLINTEND */' >>$@

# Before the first compilation no dependency file says who includes the skeleton.
$(SKELETON_OBJ) $(SKELETON_OBJ:build/%=build/tests/%) build/tests/unit/kernel/test_hooks.o: | build/pvmtrace.skel.h build/probe.skel.h build/preempt.skel.h

build/user/%.o: user/%.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(USER_FLAGS) $(CPPFLAGS) $(CFLAGS) $(DEPENDENCIES) -c $< -o $@

# The assembler reads it: no dependency file says so.
build/user/render/schema.o build/tests/user/render/schema.o: docs/pvmtrace-event.schema.json

build/pvmtrace: $(USER_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(USER_OBJ) $(LIBS) -o $@

# ---- tests ------------------------------------------------------------------------------------

build/tests/user/%.o: user/%.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(TEST_FLAGS) $(SANITIZE) $(LIBBPF_CFLAGS) $(DEPENDENCIES) -c $< -o $@

build/tests/unit/%.o: tests/unit/%.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(TEST_FLAGS) $(SANITIZE) $(LIBBPF_CFLAGS) $(DEPENDENCIES) -c $< -o $@

# A library, so that a test takes only what it needs, and stands in for the rest where it wants to. Appended to,
# since files of two rooms may have one name.
build/tests/user.a: $(UNIT_USER_OBJ) build/files
	$(call tell,AR)
	$(Q)rm -f $@ && $(AR) qc $@ $(UNIT_USER_OBJ)

# What tests share: likewise.
build/tests/helpers.a: $(UNIT_HELPER_OBJ) build/files
	$(call tell,AR)
	$(Q)rm -f $@ && $(AR) qc $@ $(UNIT_HELPER_OBJ)

$(UNIT_PROGS): build/tests/%: build/tests/unit/%.o build/tests/helpers.a build/tests/user.a
	@mkdir -p $(@D)
	$(call tell,LINK)
	$(Q)$(CC) $(SANITIZE) $^ $(LIBS) -lcmocka -ljansson -pthread -o $@

# Triggers are plain C.
build/live/%: tests/live/%.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(TRIGGER_FLAGS) $(DEPENDENCIES) -MT $@ -MF $@.d $< -o $@

# What is loaded into the tracer itself.
build/live/%.so: tests/live/preload/%.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(TRIGGER_FLAGS) -shared -fPIC $(DEPENDENCIES) -MT $@ -MF $@.d $< -o $@

# Those called *32 are 32-bit programs; where none can be built they are left out, and the tests that run them skipped.
build/live/%32: tests/live/%32.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC32)
	$(Q)tests/cc32 $@ '$(CC32)' $(CC32) $(TRIGGER_FLAGS) $(DEPENDENCIES) -MT $@ -MF $@.d $< -o $@

build/bench/%: tests/bench/%.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(TRIGGER_FLAGS) -O2 $(LIBBPF_CFLAGS) $(DEPENDENCIES) -MT $@ -MF $@.d $< $(LIBS) -o $@

build/bench/%.bpf.o: tests/bench/%.bpf.c build/flags
	@mkdir -p $(@D)
	$(call tell,CLANG)
	$(Q)$(CLANG) $(BPF_FLAGS) $(DEPENDENCIES) -c $< -o $@

.PHONY: build-unit build-live
build-unit: $(UNIT_PROGS)
build-live: all $(LIVE_PROGS) build/vm/pvmtrace-ended build/vm/pvmtrace-few build/vm/pvmtrace-passed build/vm/pvmtrace-native build/vm/pvmtrace-tasks build/vm/pvmtrace-escape

CHECK := +@MAKE="$(MAKE)" $(PYTHON) tests/check

.PHONY: check check-quick unit formats live soak faults package lint manual format bench bench-vm check-cost check-fresh
check: ## as root: set up, lint, and run every test; the last line counts them
	@tests/have-python $(PYTHON) $(call install_missing,python3)
	$(CHECK) setup build $(if $(filter x86_64,$(MACHINE)),vm) lint fuzz unit formats btf quiet package soak floods

check-quick: ## the unit tests and the live tests that are not slow
	$(CHECK) --quick build unit formats live

unit: ## the unit tests (no root needed)
	$(CHECK) build unit

formats: ## the lines of every format against golden ones and public schemas (no root needed)
	$(CHECK) build formats

live: ## the live tests (as root: real BPF, real calls)
	$(CHECK) build live

# Minutes, and what the mixture follows from (none: another one each time).
SOAK_MINUTES ?= 60
SOAK_SEED ?=
soak: build-live ## as root: runs that last, under triggers, floods, full disks and bad readers mixed at random (SOAK_MINUTES=60 SOAK_SEED=)
	@SOAK_SEED='$(SOAK_SEED)' $(PYTHON) -B tests/soak/run --minutes $(SOAK_MINUTES) $(SOAK_ARGS)

faults: build-live ## as root: each allocation, write, call on a file and bpf(2) fails in turn, in replays and traces (FAULTS_ARGS=--help)
	@$(PYTHON) -B tests/faults/run --live $(FAULTS_ARGS)

package: ## the tests of the package (as root: in a Debian 12 made for them, and booted in QEMU)
	$(CHECK) build package

lint: all ## shellcheck, cppcheck, clang-tidy, clang-format, and the rules of the house
	@tests/lint

manual: ## bring pvmtrace-events(5) in line with docs/events.md, which it is made of
	@$(PYTHON) -B docs/make-events-page >docs/pvmtrace-events.5.new
	@mv docs/pvmtrace-events.5.new docs/pvmtrace-events.5

format: ## bring all C sources into shape with clang-format
	@tests/lint --fix

bench: ## as root: measure what tracing costs (BENCH_ARGS=--help)
	@$(call install_missing,$(BENCH_PKGS))
	@$(MAKE) all $(BENCH_PROGS)
	@tests/bench/bench $(BENCH_ARGS)

bench-vm: ## as root: count what a traced call costs on other kernels, in instructions (VM='6.12 newest')
	@$(call install_missing,$(VM_PKGS))
	+@$(MAKE) build/vm/pvmtrace-static build/vm/pvmtrace-first build/vm/caller
	@$(PYTHON) -B tests/vm/instructions.py $(LIMITS) $(if $(filter all,$(VM)),6.1 6.12 newest,$(VM))

check-cost: ## as root: fail if a call, or witnesses beside it, cost more than they may on the newest kernel (two minutes of one CPU)
	+@$(MAKE) bench-vm VM=newest LIMITS=--limits

check-fresh: ## as root: prove 'make run' and 'make check' on a minimal Debian 12 (FRESH_ARGS=--help)
	@$(call install_missing,$(FRESH_PKGS))
	@tests/fresh $(FRESH_ARGS)

# ---- set-up and use ---------------------------------------------------------------------------

# Installs what of these packages is missing.
install_missing = packaging/make/install-missing '$@$(if $(ARCH), ARCH=$(ARCH))' $(1)

.PHONY: setup setup-check run install uninstall clean help
setup: ## as root: install what building and running needs, if anything is missing
	@$(call install_missing,$(SETUP_PKGS))

setup-check: ## as root: the same, and what the tests and lint need
	@$(call install_missing,$(CHECK_PKGS) $(PACKAGE_PKGS))
	@tests/get-promtool build/promtool

# stdout belongs to the records alone, so that `make run | jq .` works. Sub-makes look at the machine anew
# after the set-up; exec puts the tracer where Ctrl-C and make's own signals reach it.
run: ## as root: set up, build, and trace to stdout (ARGS='-p PID' and the like)
	@$(MAKE) setup >&2
	@$(MAKE) all >&2
	@echo "tracing every process_vm_readv and process_vm_writev of this machine; Ctrl-C ends it." >&2
	@echo "For a first event, run in a second terminal:  strace /bin/true" >&2
	@exec build/pvmtrace $(ARGS)

INSTALL ?= install
SBIN = $(DESTDIR)$(PREFIX)/sbin
MAN = $(SHARE)/man
DOC = $(SHARE)/doc/pvmtrace
MAN_PAGES := $(wildcard docs/*.[1-8])
SHARE = $(DESTDIR)$(PREFIX)/share
DOCS := $(wildcard README.md docs/*.md)
DATA := $(wildcard docs/*.json)
COMPLETIONS := bash-completion/completions/pvmtrace zsh/vendor-completions/_pvmtrace

install: all ## install the tracer and its documents (DESTDIR=, PREFIX=/usr/local)
	$(INSTALL) -d $(SBIN) $(DOC)/LICENSES $(SHARE)/pvmtrace
	$(INSTALL) -m 0755 build/pvmtrace $(SBIN)/pvmtrace
	$(if $(DOCS),$(INSTALL) -m 0644 $(DOCS) $(DOC)/)
	$(INSTALL) -m 0644 LICENSES/*.txt $(DOC)/LICENSES/
	$(if $(DATA),$(INSTALL) -m 0644 $(DATA) $(SHARE)/pvmtrace/)
	$(foreach file,$(COMPLETIONS),$(INSTALL) -D -m 0644 packaging/completions/$(notdir $(file)) $(SHARE)/$(file);)
	$(foreach page,$(MAN_PAGES),$(INSTALL) -D -m 0644 $(page) $(MAN)/man$(subst .,,$(suffix $(page)))/$(notdir $(page));)

uninstall: ## remove what install put there
	rm -f $(SBIN)/pvmtrace
	rm -rf $(DOC) $(SHARE)/pvmtrace
	rm -f $(COMPLETIONS:%=$(SHARE)/%)
	$(foreach page,$(MAN_PAGES),rm -f $(MAN)/man$(subst .,,$(suffix $(page)))/$(notdir $(page));)

# The sources that the package is made of; the version, as everywhere, from user/version.h.
DEB = build/deb/pvmtrace_$(VERSION)_$(shell dpkg --print-architecture 2>/dev/null).deb
DEB_SRC := Makefile README.md $(shell find LICENSES bpf docs packaging user vmlinux -type f)

$(DEB): $(DEB_SRC)
	$(call tell,DEB)
	$(Q)packaging/build-deb $(VERSION)

.PHONY: deb build-deb
build-deb: $(DEB)

deb: ## build a package for Debian 12: build/deb/pvmtrace_VERSION_ARCH.deb
	@$(call install_missing,$(DEB_PKGS))
	+@$(MAKE) build-deb
	@echo "install it, as root: apt install ./$(DEB)"

build/pvmtrace.spdx.json: build/pvmtrace packaging/make/sbom
	$(call tell,SBOM)
	$(Q)CC='$(CC)' CLANG='$(CLANG)' BPFTOOL='$(BPFTOOL)' packaging/make/sbom $< $(VERSION) >$@

.PHONY: sbom
sbom: build/pvmtrace.spdx.json ## what the program is made of, as SPDX: build/pvmtrace.spdx.json

clean: ## remove build/
	rm -rf build

help: ## this list
	@echo "pvmtrace $(VERSION)"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile $(wildcard tests/vm/guests.mk tests/fuzz/fuzz.mk)

-include $(wildcard build/*.d build/user/*.d build/user/*/*.d build/tests/*/*.d build/tests/*/*/*.d build/live/*.d build/bench/*.d)

# Other kernels, and another architecture: a source package, which has no tests, does without.
-include tests/vm/guests.mk

-include tests/fuzz/fuzz.mk
