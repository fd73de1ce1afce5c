# SPDX-License-Identifier: Apache-2.0
# The part of the Makefile that is about guests and other architectures.

# Kernels of other ages in QEMU. A guest has nothing but an initrd: busybox and static programs for the checks,
# and a small Debian, made of packages, for the live tests.
VM ?= all
VM_ARGS ?=
BTF ?= host 5.10 6.1 6.12 newest arm64-6.1 arm64-6.12 arm64-newest
BTF_PKGS := $(SETUP_PKGS) debian-archive-keyring python3 xz-utils zstd
# Besides clang itself, of which Debian 12 has version 14, and the newest one, which is fetched (tests/vm/newest_clang.py).
OTHER_CLANG ?= clang-19
NEWEST_CLANG := build/vm/newest-clang/clang
VM_PKGS := $(BTF_PKGS) qemu-system-x86 busybox-static btrfs-progs python3-fastjsonschema gcc-multilib $(OTHER_CLANG)
VM_ARM = $(filter all arm64%,$(VM))
VM_TRIGGERS := $(patsubst tests/live/%.c,build/vm/live/%,$(LIVE_SRC))
STATIC_LDFLAGS ?= -Wl,--no-warnings
STATIC_LIBS = $(or $(shell $(PKG_CONFIG) --static --libs libbpf 2>/dev/null),-lbpf -lelf -lz) -lcap -lseccomp

# Account names would need the shared libraries that it was linked with (which the linker warns of): guests
# know only the accounts of their own files.
build/vm/pvmtrace-static: $(USER_OBJ) build/flags build/files
	@mkdir -p $(@D)
	$(call tell,LINK)
	$(Q)$(CC) -static $(CFLAGS) $(filter-out -pie,$(LDFLAGS)) $(STATIC_LDFLAGS) -s $(USER_OBJ) $(STATIC_LIBS) -o $@

# Builds for tests, of which one file is compiled otherwise. witness: the first hooks are not attached, so that in the live
# tests the witnesses have to see everything. first: without witnesses, to count what they cost (tests/vm/instructions.py).
# kprobes: kprobe.multi is refused, and kprobes and raw_syscalls/sys_exit are in its place (tests/vm/load.py).
# ended: no hook sees how a call ends (tests/live/test_ended.py). tasks: as on a host that allows iterators over tasks only
# (tests/live/test_map_operations.py). few: with room for few calls (tests/live/test_state.py).
# passed: hooks leave out the calls whose callers ask for it (tests/live/test_passed_over.py).
# native: with fentry, witnesses see no call of i386 (tests/live/test_attach.py).
# escape: tries to leave the sandbox (tests/live/test_sandbox.py).
build/vm/witness/hooks.o: VARIANT := -DPVM_WITNESSES_ALONE
build/vm/witness/hooks.o: user/kernel/hooks.c
build/vm/first/witness.o: VARIANT := -DPVM_NO_WITNESSES
build/vm/first/witness.o: user/kernel/witness.c
build/vm/ended/witness.o: VARIANT := -DPVM_ENDS_UNSEEN
build/vm/ended/witness.o: user/kernel/witness.c
build/vm/few/witness.o: VARIANT := -DPVM_FEW_CALLS
build/vm/few/witness.o: user/kernel/witness.c
build/vm/passed/witness.o: VARIANT := -DPVM_HOOKS_PASSED_OVER
build/vm/passed/witness.o: user/kernel/witness.c
build/vm/native/witness_find.o: VARIANT := -DPVM_WITNESSES_NATIVE
build/vm/native/witness_find.o: user/kernel/witness_find.c
build/vm/tasks/iterators.o: VARIANT := -DPVM_NO_MAP_ITERATORS
build/vm/tasks/iterators.o: user/kernel/iterators.c
build/vm/kprobes/witness_find.o: VARIANT := -DPVM_MULTI_REFUSED
build/vm/kprobes/witness_find.o: user/kernel/witness_find.c
build/vm/witness/hooks.o build/vm/first/witness.o build/vm/ended/witness.o build/vm/few/witness.o build/vm/passed/witness.o build/vm/native/witness_find.o build/vm/tasks/iterators.o \
	build/vm/kprobes/witness_find.o: build/flags | build/pvmtrace.skel.h build/probe.skel.h build/preempt.skel.h
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(USER_FLAGS) $(CPPFLAGS) $(VARIANT) $(CFLAGS) $(DEPENDENCIES) -c user/kernel/$(@F:.o=.c) -o $@

build/vm/escape/escape.o: user/sandbox/escape.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(USER_FLAGS) $(CPPFLAGS) -DPVM_ESCAPES $(CFLAGS) $(DEPENDENCIES) -c $< -o $@

build/vm/pvmtrace-escape: build/vm/escape/escape.o $(USER_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(filter-out build/user/sandbox/escape.o,$(USER_OBJ)) $(LIBS) -o $@

build/vm/pvmtrace-witness: build/vm/witness/hooks.o $(USER_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(filter-out build/user/kernel/hooks.o,$(USER_OBJ)) $(LIBS) -o $@

build/vm/pvmtrace-ended: build/vm/ended/witness.o $(USER_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(filter-out build/user/kernel/witness.o,$(USER_OBJ)) $(LIBS) -o $@

build/vm/pvmtrace-few: build/vm/few/witness.o $(USER_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(filter-out build/user/kernel/witness.o,$(USER_OBJ)) $(LIBS) -o $@

build/vm/pvmtrace-passed: build/vm/passed/witness.o $(USER_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(filter-out build/user/kernel/witness.o,$(USER_OBJ)) $(LIBS) -o $@

build/vm/pvmtrace-native: build/vm/native/witness_find.o $(USER_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(filter-out build/user/kernel/witness_find.o,$(USER_OBJ)) $(LIBS) -o $@

build/vm/pvmtrace-tasks: build/vm/tasks/iterators.o $(USER_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(filter-out build/user/kernel/iterators.o,$(USER_OBJ)) $(LIBS) -o $@

build/vm/pvmtrace-kprobes: build/vm/kprobes/witness_find.o $(USER_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< $(filter-out build/user/kernel/witness_find.o,$(USER_OBJ)) $(LIBS) -o $@

build/vm/pvmtrace-first: build/vm/first/witness.o $(USER_OBJ) build/flags build/files
	$(call tell,LINK)
	$(Q)$(CC) -static $(CFLAGS) $(filter-out -pie,$(LDFLAGS)) $(STATIC_LDFLAGS) -s $< $(filter-out build/user/kernel/witness.o,$(USER_OBJ)) \
		$(STATIC_LIBS) -o $@

build/vm/caller: tests/bench/caller.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(TRIGGER_FLAGS) -static $(DEPENDENCIES) -MF $@.d $< -o $@

build/vm/live/%: tests/live/%.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(TRIGGER_FLAGS) -static $(DEPENDENCIES) -MF $@.d $< -o $@

build/vm/live/%32: tests/live/%32.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC32)
	$(Q)tests/cc32 $@ '$(CC32) -static' $(CC32) $(TRIGGER_FLAGS) -static $(DEPENDENCIES) -MF $@.d $< -o $@

build/vm/verify: tests/vm/verify.c build/flags
	@mkdir -p $(@D)
	$(call tell,CC)
	$(Q)$(CC) $(TRIGGER_FLAGS) $(LIBBPF_CFLAGS) -static $< $(STATIC_LIBS) -o $@

# ---- another architecture ---------------------------------------------------------------------

# The same Makefile in a tree of links, with clang and Debian's libraries for that machine: nothing of it is
# installed here, where gcc's cross compilers and gcc-multilib exclude each other.
CROSS_PKGS := $(SETUP_PKGS) lld debian-archive-keyring python3
shadow = tests/vm/shadow $(1)
sysroot = $(CURDIR)/build/sysroot/$(1)
cross_cc = clang --target=$(1) --sysroot=$(call sysroot,$(2)) -fuse-ld=lld -Wno-unused-command-line-argument \
	-Wno-gnu-variable-sized-type-not-at-end
CROSS_DIR ?= build/$(ARCH)
CROSS_GOALS ?= all build-vm
cross_lib = $(call sysroot,arm64)/usr/lib/aarch64-linux-gnu/pkgconfig

.PHONY: cross
cross:
	$(if $(filter arm64,$(ARCH)),,$(error ARCH=$(ARCH): only arm64 can be cross-built))
	@$(call install_missing,$(CROSS_PKGS))
	@$(PYTHON) -B tests/vm/sysroot.py arm64 armhf
	@$(call shadow,$(CROSS_DIR))
	+@PKG_CONFIG_LIBDIR=$(cross_lib) PKG_CONFIG_SYSROOT_DIR=$(call sysroot,arm64) \
		$(MAKE) -C $(CROSS_DIR) ARCH= MACHINE=aarch64 CC='$(call cross_cc,aarch64-linux-gnu,arm64)' \
		CC32='$(call cross_cc,arm-linux-gnueabihf,armhf)' STATIC_LDFLAGS= $(CROSS_GOALS)

.PHONY: build-vm check-vm check-btf
build-vm: build/vm/pvmtrace-static build/vm/pvmtrace-witness build/vm/pvmtrace-kprobes build/vm/pvmtrace-ended build/vm/pvmtrace-few build/vm/pvmtrace-passed build/vm/pvmtrace-native build/vm/pvmtrace-tasks build/vm/pvmtrace-escape build/vm/verify build/pvmtrace.bpf.o $(VM_TRIGGERS) build/live/pvmtally.so build/live/pvmclock.so build/live/pvmstill.so

check-btf: ## vmlinux.h against the types of this machine's kernel and of the other ones (BTF='6.1 host')
	@$(call install_missing,$(BTF_PKGS))
	@$(PYTHON) -B tests/vm/btf.py $(BTF)

check-vm: ## as root: run the tracer on other kernels, in QEMU (VM='5.10 newest', all by default)
	@$(call install_missing,$(VM_PKGS) $(if $(VM_ARM),qemu-system-arm lld))
	+@$(MAKE) build-vm
	+@MAKE="$(MAKE)" tests/vm/with-clang $(OTHER_CLANG) build/$(OTHER_CLANG)
	+@! $(PYTHON) -B tests/vm/newest_clang.py || MAKE="$(MAKE)" tests/vm/with-clang $(CURDIR)/$(NEWEST_CLANG) build/newest-clang
	$(if $(VM_ARM),+@$(MAKE) cross ARCH=arm64)
	$(if $(VM_ARM),+@$(MAKE) cross ARCH=arm64 CLANG=$(OTHER_CLANG) CROSS_DIR=build/arm64-$(OTHER_CLANG) \
		CROSS_GOALS='build/vm/pvmtrace-static build/pvmtrace.bpf.o')
	@$(PYTHON) -B tests/vm/run --compiler $(OTHER_CLANG) --compiler newest-clang \
		$(if $(filter all,$(VM)),--document) $(VM_ARGS) $(VM)

-include $(wildcard build/vm/*/*.d build/vm/*.d)
