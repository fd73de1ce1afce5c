# SPDX-License-Identifier: Apache-2.0
# The part of the Makefile that runs the program under instruments: fuzzers, sanitizers, valgrind, an analyzer.

# ---- fuzzers ----------------------------------------------------------------------------------

# libFuzzer is part of clang; Debian's has its runtime in a package of its own.
FUZZ_CC ?= $(call find_tool,clang-14 clang)
# Seconds a target runs; as many run at once as there are CPUs.
FUZZ_SECONDS ?= 60
# FUZZ_TARGETS='decode render': only these.
FUZZ_TARGETS ?= $(patsubst tests/fuzz/target_%.c,%,$(wildcard tests/fuzz/target_*.c))
FUZZ_PKGS := clang libclang-rt-14-dev

FUZZ_SRC := $(wildcard tests/fuzz/*.c)
FUZZ_PROGS := $(FUZZ_TARGETS:%=build/fuzz/%)
FUZZ_USER_OBJ := $(filter-out build/fuzz/user/main.o,$(USER_OBJ:build/%=build/fuzz/%))
FUZZ_HELPER_OBJ := $(UNIT_HELPER_OBJ:build/tests/%=build/fuzz/%) \
	$(patsubst tests/%.c,build/fuzz/%.o,$(filter-out tests/fuzz/target_%,$(FUZZ_SRC)))
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_FLAGS = $(TEST_FLAGS) -Wno-gnu-variable-sized-type-not-at-end $(FUZZ_SANITIZE) $(LIBBPF_CFLAGS) $(DEPENDENCIES)

build/fuzz/flags: export TEXT = $(FUZZ_CC) $(FUZZ_FLAGS) / $(LIBS)
build/fuzz/flags: FORCE
	@packaging/make/keep $@

build/fuzz/files: export TEXT = $(USER_SRC) / $(UNIT_SRC) / $(FUZZ_SRC)
build/fuzz/files: FORCE
	@packaging/make/keep $@

$(SKELETON_OBJ:build/%=build/fuzz/%): | build/pvmtrace.skel.h build/probe.skel.h build/preempt.skel.h
build/fuzz/user/render/schema.o: docs/pvmtrace-event.schema.json

# Only the user half guides the search.
build/fuzz/user/%.o: user/%.c build/fuzz/flags
	@mkdir -p $(@D)
	$(call tell,FUZZ_CC)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c $< -o $@

build/fuzz/unit/%.o: tests/unit/%.c build/fuzz/flags
	@mkdir -p $(@D)
	$(call tell,FUZZ_CC)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -c $< -o $@

build/fuzz/fuzz/%.o: tests/fuzz/%.c build/fuzz/flags
	@mkdir -p $(@D)
	$(call tell,FUZZ_CC)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -c $< -o $@

build/fuzz/user.a: $(FUZZ_USER_OBJ) build/fuzz/files
	$(call tell,AR)
	$(Q)rm -f $@ && $(AR) qc $@ $(FUZZ_USER_OBJ)

build/fuzz/helpers.a: $(FUZZ_HELPER_OBJ) build/fuzz/files
	$(call tell,AR)
	$(Q)rm -f $@ && $(AR) qc $@ $(FUZZ_HELPER_OBJ)

# The command line names a configuration file: of this target none is opened.
build/fuzz/options: FUZZ_LDFLAGS := -Wl,--wrap=options_file__read

# The sanitizer in the child that parses needs more calls than the filter leaves it.
build/fuzz/btf: FUZZ_LDFLAGS := -Wl,--wrap=seccomp__enforce

$(FUZZ_PROGS): build/fuzz/%: build/fuzz/fuzz/target_%.o build/fuzz/helpers.a build/fuzz/user.a
	$(call tell,LINK)
	$(Q)$(FUZZ_CC) $(FUZZ_SANITIZE) -fsanitize=fuzzer $(FUZZ_LDFLAGS) $^ $(LIBS) -lcmocka -ljansson -pthread -o $@

.PHONY: build-fuzz fuzz
# Seeds are made with the program, and of what it loads.
build-fuzz: all $(FUZZ_PROGS)

fuzz: ## fuzz what comes in: records, lines, recordings, configuration, options, BTF (FUZZ_SECONDS=60 a target; no root needed)
	@$(call install_missing,$(SETUP_PKGS) $(FUZZ_PKGS) libcmocka-dev libjansson-dev python3)
	+@$(MAKE) build-fuzz
	@$(PYTHON) -B tests/fuzz/run --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# ---- sanitizers and valgrind ------------------------------------------------------------------

# The program as the unit tests have it. Its cage refuses what a search for leaks needs (another thread, ptrace), but leaves it
# one call more.
SANITIZED_OPTIONS := ASAN_OPTIONS=detect_leaks=0:use_sigaltstack=0 UBSAN_OPTIONS=print_stacktrace=1
SANITIZED_OBJ := $(patsubst build/%,build/tests/%,$(filter-out build/user/sandbox/calls.o,$(USER_OBJ)))

build/sanitized/calls.o: user/sandbox/calls.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(TEST_FLAGS) $(SANITIZE) -DPVM_SANITIZED $(LIBBPF_CFLAGS) $(DEPENDENCIES) -c $< -o $@

build/sanitized/pvmtrace: build/sanitized/calls.o $(SANITIZED_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) $(SANITIZE) -static-libasan $< $(SANITIZED_OBJ) $(LIBS) -o $@

# What else the tests look for beside the program.
build/sanitized/live build/sanitized/vm build/sanitized/promtool: build/sanitized/%: build/sanitized/pvmtrace
	@ln -sfn ../$* $@

.PHONY: live-sanitized
live-sanitized: build-live build/sanitized/live build/sanitized/vm build/sanitized/promtool ## the live tests with the address sanitizer and that of undefined behaviour (as root; LIVE_ARGS='tests/live/test_arrays.py')
	@$(SANITIZED_OPTIONS) PVMTRACE_BUILD=$(CURDIR)/build/sanitized \
		$(PYTHON) -B -m pytest -p no:cacheprovider $(or $(LIVE_ARGS),tests/live -m 'not floods')

# The unit tests as they are without sanitizers, in a tree of links: valgrind and these exclude each other.
.PHONY: unit-valgrind
unit-valgrind: ## the unit tests under valgrind (no root needed; half an hour)
	@$(call install_missing,$(SETUP_PKGS) libcmocka-dev libjansson-dev valgrind python3)
	@tests/vm/shadow build/valgrind
	+@$(MAKE) -C build/valgrind SANITIZE= build-unit
	@$(PYTHON) -B tests/fuzz/valgrind build/valgrind/build/tests

-include $(wildcard build/fuzz/*/*.d build/fuzz/*/*/*.d build/sanitized/*.d)
