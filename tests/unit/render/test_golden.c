/* SPDX-License-Identifier: Apache-2.0 */
/* This makes the recording that the golden lines of every format are made of: each kind of call and of record once. With
 * PVMTRACE_GOLDEN=write in the environment it is written, else compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/control.h"
#include "event/predict.h"
#include "kinds.h"
#include "output/recording.h"
#include "rendering.h"

#define GOLDEN "tests/golden/calls.pvmtrace"
#define BOOT_NS 6000000000 /* from the boot to the fixture's calls, and to START_NS */
#define MANY 40		   /* elements of a long list */
#define CONTAINER_NAMES ID64 "\0docker"

static const struct pin_key pin_key = { { 7, 77 }, 12, 0 };
static struct recorder *out;
static uint64_t calls, summarised;
static uint64_t audited;

static const struct iov_elem local[] = { { 0x7ffd12345000, 4096 }, { 0x7ffd12346000, 8192 } };
static const struct iov_elem remote[] = { { 0, 0 }, { 0x55d0c0de0000, 4096 } };

static void put(enum frame_kind kind, const void *data, size_t size)
{
	assert_int_equal(recorder__put(out, kind, data, size, 0), 0);
}

/* The next call or books reached the recording this long after its run began. */
static void put_told(uint64_t after_ns)
{
	const uint64_t told_ns = START_NS + after_ns;

	put(FRAME_TOLD, &told_ns, sizeof(told_ns));
}

static void put_call(struct fixture_call *f)
{
	const uint64_t boot_ns = f->call.exit_ns > f->call.entry_ns ? f->call.exit_ns
								    : f->call.entry_ns;

	put_told(boot_ns - BOOT_NS + 250000);
	calls += f->call.phase != PVM_IN_FLIGHT;
	put(FRAME_CALL, f, f->call.hdr.size);
}

/* Makes the next call: the fixture's, a millisecond after the one before. */
static void next_call(struct fixture_call *f)
{
	static uint64_t now;

	fixture__call(f);
	now += 1000000;
	f->call.entry_ns += now;
	f->call.exit_ns += now;
}

static void put_path(uint16_t type, const struct pvm_task *task, const char *names, uint32_t len,
		     uint8_t flags)
{
	static uint64_t buf[1024];

	put(FRAME_CALL, buf, fixture__path(buf, type, task, names, len, flags));
}

static void put_args(const struct pvm_task *task, const char *args, uint32_t len, uint32_t total)
{
	static uint64_t buf[1024];

	put(FRAME_CALL, buf, fixture__args(buf, task, args, len, total));
}

static void put_identities(const struct pvm_call *call)
{
	static const char args[] = "./dumper\0-p\000991\0two words\0";

	put_path(PVM_EXE, &call->caller, "dumper\0opt", sizeof("dumper\0opt"), 0);
	put_args(&call->caller, args, sizeof(args) - 1, sizeof(args) - 1);
	put_path(PVM_CGROUP, &call->caller, "session-3.scope\0user.slice",
		 sizeof("session-3.scope\0user.slice"), 0);
	put_path(PVM_EXE, &call->target, "httpd\0sbin\0usr", sizeof("httpd\0sbin\0usr"), 0);
	put_path(PVM_CGROUP, &call->target, CONTAINER_NAMES, sizeof(CONTAINER_NAMES), 0);
}

/* The caller has three ancestors, of which one executable is known, a terminal and a tracer; the target has its parent. */
static void put_ancestries(struct pvm_call *call)
{
	struct pvm_task parent = { .start_ns = 1000004100,
				   .exe_ino = 5100,
				   .pid = 4100,
				   .exe_dev = 254 << 20,
				   .exec_id = 4100 % 7 };
	static uint64_t buf[256];

	put_path(PVM_EXE, &parent, "bash\0bin\0usr", sizeof("bash\0bin\0usr"), 0);
	put(FRAME_CALL, buf, fixture__ancestry(buf, 7, PVM_CALLER, 3));
	parent.start_ns = 1000000001;
	parent.exe_ino = 1001;
	parent.pid = parent.exec_id = 1;
	put_path(PVM_EXE, &parent, "systemd\0sbin", sizeof("systemd\0sbin"), 0);
	put(FRAME_CALL, buf, fixture__ancestry(buf, 8, PVM_TARGET, 1));
	call->ancestry[PVM_CALLER] = 7;
	call->ancestry[PVM_TARGET] = 8;
}

/* What the call moved first: the bytes of this text. */
static void put_moved(struct pvm_call *call, const char *text)
{
	static uint64_t buf[16];

	put(FRAME_ARRAY, buf, fixture__moved(buf, call, text, (uint32_t)strlen(text)));
}

/* Its element lies in the heap. */
static void put_on_heap(struct pvm_call *call)
{
	call->region = (struct pvm_region){
		.cnt = 1,
		.start = 0x55d0c0d00000,
		.end = 0x55d0c0e00000,
		.kind = PVM_REGION_HEAP,
		.perms = PVM_REGION_READ | PVM_REGION_WRITE,
	};
	call->region_cnt = 1;
	call->look = PVM_LOOK_TAKEN;
}

static void put_plain(void)
{
	struct fixture_call f;

	next_call(&f);
	put_identities(&f.call);
	put_ancestries(&f.call);
	put_moved(&f.call, "root:$y$j9T$");
	put_on_heap(&f.call);
	put_call(&f);
	/* It has two elements a side, the first remote one empty; the kernel moved half of it. */
	next_call(&f);
	f.call.args[2] = f.call.args[4] = f.call.local.count = f.call.remote.count = 2;
	fixture__data(&f, local, sizeof(local), remote, sizeof(remote), NULL, 0, NULL, 0);
	f.call.ret = 2048;
	f.call.kinship = PVM_KIN_CHILD;
	put_call(&f);
	/* It is on its own memory, and on nothing of it. */
	next_call(&f);
	f.call.target = f.call.caller;
	f.call.kinship = PVM_KIN_SELF;
	f.call.local = f.call.remote = (struct pvm_side){ .addr = 0x7ffd12340000 };
	f.call.hdr.size = sizeof(f.call);
	f.call.ret = 0;
	put_call(&f);
}

/* A path of a mapped file, or a name. */
static void put_mapped(uint16_t type, uint64_t id, const char *names, uint32_t len)
{
	static uint64_t buf[64];
	size_t size = fixture__path(buf, type, &(const struct pvm_task){ 0 }, names, len, 0);

	((struct pvm_path *)buf)->id = id;
	put(FRAME_CALL, buf, size);
}

/* What lies there: a library's code; then nothing, and shared memory, which was the heap when it ended. */
static void put_mappings(void)
{
	static const struct pvm_region shared[] = {
		{ .first = 0, .cnt = 1, .kind = PVM_REGION_NONE },
		{ .first = 1,
		  .cnt = 1,
		  .start = 0x55d0c0d00000,
		  .end = 0x55d0c0e00000,
		  .offset = 0xde000,
		  .ino = 5,
		  .dev = 1,
		  .text = 12,
		  .kind = PVM_REGION_SHARED,
		  .perms = PVM_REGION_READ | PVM_REGION_WRITE | PVM_REGION_MAYSHARE,
		  .flags = PVM_REGION_BACKED },
	};
	static const struct iov_elem mapped[] = { { 0x1000, 4096 }, { 0x55d0c0de0000, 4096 } };
	static uint64_t buf[64];
	struct pvm_region heap = shared[1];
	struct fixture_call f;

	next_call(&f);
	put_mapped(PVM_MAPPED, 11, "libc.so.6\0lib\0usr", sizeof("libc.so.6\0lib\0usr"));
	f.call.region = (struct pvm_region){
		.cnt = 1,
		.start = 0x55d0c0d00000,
		.end = 0x55d0c0e00000,
		.offset = 0x106000,
		.ino = 78,
		.dev = 8u << 20 | 1,
		.text = 11,
		.kind = PVM_REGION_FILE,
		.perms = PVM_REGION_READ | PVM_REGION_EXEC,
		.flags = PVM_REGION_BACKED | PVM_REGION_DELETED,
	};
	f.call.region_cnt = 1;
	f.call.look = PVM_LOOK_TAKEN;
	put_call(&f);
	next_call(&f);
	put_mapped(PVM_LABEL, 12, "dev/zero", sizeof("dev/zero"));
	f.call.args[2] = f.call.args[4] = f.call.local.count = f.call.remote.count = 2;
	fixture__data(&f, local, sizeof(local), mapped, sizeof(mapped), NULL, 0, NULL, 0);
	f.call.exit_ns = f.call.entry_ns + 20000000;
	f.call.region_cnt = 2;
	f.call.look = PVM_LOOK_TAKEN | PVM_LOOK_RING | PVM_LOOK_AGAIN;
	put(FRAME_ARRAY, buf,
	    fixture__array(buf, &f.call, PVM_ARRAY_REGIONS, false, shared, sizeof(shared), 0));
	heap.kind = PVM_REGION_HEAP;
	heap.perms = PVM_REGION_READ | PVM_REGION_WRITE;
	heap.offset = heap.ino = heap.text = heap.dev = heap.flags = 0;
	put(FRAME_ARRAY, buf,
	    fixture__array(buf, &f.call, PVM_ARRAY_REGIONS, true, &heap, sizeof(heap), 0));
	put_call(&f);
}

/* The target is a child that still works in its parent's memory; then a caller that shares the target's, and another
 * user's program that runs with the rights of a third one. */
static void put_borrowed(void)
{
	struct fixture_call f;
	struct pvm_task owner;

	next_call(&f);
	owner = f.call.target;
	owner.pid = 990;
	owner.start_ns--;
	owner.exe_ino = 78;
	put_path(PVM_EXE, &owner, "victim\0bin\0usr", sizeof("victim\0bin\0usr"), 0);
	f.call.flags = PVM_CALL_MEMORY_KNOWN | PVM_CALL_OWNER;
	f.call.owner = (struct pvm_owner){ .pid = owner.pid,
					   .start_ns = owner.start_ns,
					   .exe_ino = owner.exe_ino,
					   .exe_dev = owner.exe_dev,
					   .exec_id = owner.exec_id,
					   .flags = PVM_TASK_EXE,
					   .comm = "victim" };
	put_call(&f);
	next_call(&f);
	f.call.flags = PVM_CALL_MEMORY_KNOWN | PVM_CALL_SAME_MEMORY;
	f.call.target.ns_pid++;
	f.call.target.uid = f.call.caller.uid;
	put_call(&f);
}

static void put_refused(void)
{
	static const uint32_t narrow[] = { 0xffb01000, 4096 };
	struct fixture_call f;

	next_call(&f);
	f.call.op = PVM_WRITE;
	f.call.abi = PVM_ABI_I386;
	f.call.ret = -1;
	fixture__data(&f, narrow, sizeof(narrow), narrow, sizeof(narrow), NULL, 0, NULL, 0);
	put_call(&f);
	next_call(&f);
	f.call.ret = -3;
	f.call.args[0] = 99999;
	f.call.resolved = PVM_UNRESOLVED;
	memset(&f.call.target, 0, sizeof(f.call.target));
	put_call(&f);
	next_call(&f);
	f.call.abi = PVM_ABI_X32;
	f.call.ret = -38;
	f.call.kind = PVM_KIND_PIDFD;
	f.call.args[0] = 5;
	f.call.args[5] = 0x80000003;
	f.call.local.count = f.call.remote.count = 1025;
	f.call.local.flags = f.call.remote.flags = 0;
	fixture__data(&f, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
	put_call(&f);
}

/* Puts every string that a process can choose, chosen to break a reader. */
static void put_hostile(void)
{
	static const char exe[] = "a\"b\xff (deleted)\n\0tmp";
	static const char args[] = "\xff\"\\\n\0\0plain\0\xc3\xa4\0\x7f";
	struct fixture_call f;

	next_call(&f);
	memcpy(f.call.caller.comm, "\x01\"\\\x7f\xffx\xed\xa0\x80\xf4\x90\x80\x80yz", 16);
	memcpy(f.call.caller.pcomm, "\xf0\x9f\x90\xa7\xc0\xaf", 7);
	f.call.caller.pid = f.call.caller.tid = 666;
	f.call.caller.start_ns++;
	f.call.caller.exe_ino = 4321;
	f.call.caller.cgroup_id = 77;
	f.call.caller.flags |= PVM_TASK_EXE_DELETED;
	put_path(PVM_EXE, &f.call.caller, exe, sizeof(exe), 0);
	put_args(&f.call.caller, args, sizeof(args), 5000);
	put_path(PVM_CGROUP, &f.call.caller, "\x80\0x\ty", sizeof("\x80\0x\ty"), 0);
	put_call(&f);
}

/* A call was parked, told, and done after its remote list was changed; and lists could not be read. */
static void put_parked(void)
{
	static const struct iov_elem first = { 0x55d0c0de0000, 4096 },
				     later = { 0x55d0c0df0000, 1 };
	struct fixture_call f;

	next_call(&f);
	f.call.phase = PVM_IN_FLIGHT;
	f.call.exit_ns = f.call.entry_ns + 1000000000;
	f.call.local.flags = f.call.remote.flags = PVM_SIDE_ENTRY;
	put_call(&f);
	f.call.phase = PVM_COMPLETE;
	f.call.exit_ns += 234567890;
	f.call.local.flags = PVM_SIDE_ENTRY | PVM_SIDE_EXIT | PVM_SIDE_SAME;
	f.call.remote.flags = PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
	f.call.flags = PVM_CALL_TARGET_MOVED;
	fixture__data(&f, local, sizeof(*local), &first, sizeof(first), NULL, 0, &later,
		      sizeof(later));
	put_call(&f);
	next_call(&f);
	f.call.ret = -14;
	f.call.local.flags = f.call.remote.flags = PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
	f.call.local.entry_ok = f.call.remote.entry_ok = f.call.local.exit_ok = 0;
	fixture__data(&f, local, sizeof(*local), &first, sizeof(first), local, sizeof(*local),
		      &later, sizeof(later));
	put_call(&f);
	next_call(&f);
	f.call.phase = PVM_ORPHAN;
	f.call.ret = 310;
	f.call.resolved = PVM_RESOLVED_EXIT;
	f.call.local.flags = f.call.remote.flags = PVM_SIDE_EXIT;
	fixture__data(&f, NULL, 0, NULL, 0, local, sizeof(*local), &first, sizeof(first));
	put_call(&f);
	next_call(&f);
	f.call.phase = PVM_UNFINISHED;
	f.call.local.flags = f.call.remote.flags = PVM_SIDE_ENTRY;
	put_call(&f);
}

/* A call is gone without a return that was seen: exit_ns is when that was noticed. */
static void put_ended(void)
{
	struct fixture_call f;

	next_call(&f);
	f.call.phase = PVM_ENDED;
	f.call.exit_ns = f.call.entry_ns + 70000000;
	f.call.local.flags = f.call.remote.flags = PVM_SIDE_ENTRY;
	put_call(&f);
}

/* They are of a caller that /proc still knew, and of one that had ended. */
static void put_audited(void)
{
	struct fixture_call f;

	for (int gone = 0; gone < 2; gone++) {
		struct pvm_task *caller = &f.call.caller;

		next_call(&f);
		f.call.phase = PVM_ORPHAN;
		f.call.flags = PVM_CALL_AUDIT;
		f.call.exit_ns = f.call.entry_ns;
		f.call.ret = 0;
		f.call.resolved = PVM_UNRESOLVED;
		f.call.kinship = PVM_KIN_NONE;
		memset(&f.call.target, 0, sizeof(f.call.target));
		f.call.local.flags = f.call.remote.flags = 0;
		fixture__data(&f, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
		*caller = (struct pvm_task){ .pid = 4242,
					     .tid = 4243,
					     .loginuid = PVM_NO_ID,
					     .sessionid = PVM_NO_ID };
		if (!gone) {
			caller->flags = PVM_TASK_CREDS;
			caller->ppid = 4100;
			caller->pid_ns = 7;
			caller->uid = caller->suid = caller->gid = 1000;
			memcpy(caller->comm, "dumper", sizeof("dumper"));
		}
		put_call(&f);
	}
	audited = 2;
}

static void put_long(void)
{
	static uint64_t buf[(sizeof(struct pvm_array) + MANY * sizeof(struct iov_elem)) / 8];
	struct iov_elem many[MANY];
	struct fixture_call f;

	for (uint64_t i = 0; i < MANY; i++)
		many[i] = (struct iov_elem){ 0x7ffd12000000 + i * 0x10000, 1024 + i };
	next_call(&f);
	f.call.local.count = f.call.remote.count = f.call.args[2] = f.call.args[4] = MANY;
	f.call.local.flags = f.call.remote.flags = PVM_SIDE_RING | PVM_SIDE_ENTRY;
	f.call.remote.flags |= PVM_SIDE_EXIT_LOST;
	fixture__data(&f, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
	for (int i = 0; i < 2; i++)
		put(FRAME_ARRAY, buf,
		    fixture__array(buf, &f.call, i, false, many, sizeof(many), 1));
	put_call(&f);
}

static void put_summary(uint8_t outcome, uint8_t reason, const struct pvm_call *call)
{
	struct pvm_summary sum;

	fixture__summary(&sum, call);
	sum.tally.outcome = outcome;
	sum.tally.reason = reason;
	if (outcome != PVM_SUCCEEDED)
		sum.tally.bytes = 0;
	if (outcome == PVM_FAILED)
		sum.tally.errors[PVM_USUAL_EPERM] = sum.tally.calls;
	if (outcome == PVM_UNKNOWN) {
		sum.tally.uncompared = 1;
		sum.tally.unranged = 1;
	}
	put_told(sum.tally.last_ns - BOOT_NS + 250000);
	put(FRAME_CALL, &sum, sizeof(sum));
	summarised += sum.tally.calls;
}

/* They are told together: for either reason, of every outcome, of a target that was not found. */
static void put_summaries(void)
{
	struct fixture_call f;

	next_call(&f);
	put_summary(PVM_SUCCEEDED, PVM_OVERFLOW, &f.call);
	f.call.op = PVM_WRITE;
	f.call.ret = -1;
	put_summary(PVM_FAILED, PVM_AGGREGATE, &f.call);
	f.call.phase = PVM_ORPHAN;
	f.call.ret = 310;
	f.call.resolved = PVM_UNRESOLVED;
	memset(&f.call.target, 0, sizeof(f.call.target));
	put_summary(PVM_UNKNOWN, PVM_OVERFLOW, &f.call);
}

/* What the kernel itself did is known: it agrees; it worked on another page; it went for another process than was
 * named at entry. */
static void put_confirmed(void)
{
	const struct pvm_pins right = fixture__one_page(&pin_key, 0x55d0c0de0000),
			      wrong = fixture__one_page(&pin_key, 0x55d0c0de1000);
	struct fixture_call f;

	put(FRAME_KEY, &pin_key, sizeof(pin_key));
	next_call(&f);
	f.call.flags |= PVM_CALL_TARGET_CONFIRMED;
	put_on_heap(&f.call);
	fixture__pins(&f, &right);
	put_call(&f);
	next_call(&f);
	f.call.flags |= PVM_CALL_TARGET_CONFIRMED;
	fixture__pins(&f, &wrong);
	put_call(&f);
	next_call(&f);
	f.call.resolved = PVM_RESOLVED_EXIT;
	f.call.flags |= PVM_CALL_TARGET_CONFIRMED | PVM_CALL_TARGET_MOVED;
	f.call.target.start_ns++;
	fixture__pins(&f, &right);
	put_call(&f);
}

static void put_kinds(void)
{
	struct fixture_call f;

	for (unsigned int n = 0; n < KINDS; n++) {
		next_call(&f);
		kinds__make(&f, n, 12);
		put_call(&f);
	}
	for (int refused = 0; refused < 2; refused++) {
		put_told(1500001000);
		put(FRAME_CALL, kinds__opened(refused), sizeof(struct pvm_opened));
	}
}

static void put_books(enum record_type type, uint64_t second, const char *text, const char *signal)
{
	struct frame_books books;

	memset(&books, 0, sizeof(books));
	books.type = type;
	books.real_ns = START_NS + second * 1000000000;
	books.kernel.n[PVM_C_SEEN] = calls + summarised + 4;
	books.kernel.n[PVM_C_SUMMARISED] = summarised;
	books.kernel.n[PVM_C_SUBMITTED] = calls;
	books.kernel.n[PVM_C_FILTERED] = 1;
	books.kernel.n[PVM_C_RING_FULL] = 3;
	books.kernel.n[PVM_C_SELF_TESTS] = 4;
	books.kernel.n[PVM_C_AUDITED] = audited;
	books.user.skipped_runs = 2;
	if (type == REC_ERROR) {
		books.since_ns = START_NS;
		strcpy(books.message, "say \"why\": \xff\t");
	}
	put_told(second * 1000000000 + 1000);
	snprintf(books.text, sizeof(books.text), "%s", text);
	snprintf(books.signal, sizeof(books.signal), "%s", signal);
	put(FRAME_BOOKS, &books, sizeof(books));
}

static void write_recording(const char *path)
{
	const struct frame_clock clock = { 0, START_NS - BOOT_NS };
	const struct owner ourselves = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct recording_header header;

	memset(&header, 0, sizeof(header));
	header.real_ns = START_NS;
	strcpy(header.run_id, FIXTURE_RUN_ID);
	strcpy(header.program, "0.0.0");
	strcpy(header.resolve, "kfunc");
	strcpy(header.user, "pvmtrace");
	header.pid = 99;
	header.confirms = RECORDING_TARGET | RECORDING_FEXIT | RECORDING_OPENINGS_FEXIT;
	header.witnesses = WITNESS_KNOWN | WITNESS_NEEDED | WITNESS_MULTI | WITNESS_RETURNS;
	header.host = fixture_host;
	calls = summarised = 0;
	assert_int_equal(recorder__create(&out, path, &header, &ourselves), 0);
	put(FRAME_CLOCK, &clock, sizeof(clock));
	put_plain();
	put_mappings();
	put_borrowed();
	put_refused();
	put_hostile();
	put_parked();
	put_ended();
	put_audited();
	put_long();
	put_summaries();
	put_confirmed();
	put_kinds();
	put_books(REC_STATS, 2, "", "");
	put_books(REC_LOST, 3, "", "");
	put_books(REC_ERROR, 4, "hooks_silent", "");
	put_books(REC_STOP, 5, "signal", "SIGTERM");
	assert_int_equal(recorder__close(out), 0);
}

static size_t read_all(const char *path, char *to, size_t max)
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file)
		fail_msg("%s: cannot be opened; run this from the top of the tree", path);
	len = fread(to, 1, max, file);
	fclose(file);
	return len;
}

static void test_recording(void **state)
{
	static char committed[1 << 16], made[1 << 16];
	const char *what = getenv("PVMTRACE_GOLDEN");
	char path[] = "/tmp/pvmtrace-golden-XXXXXX";
	size_t len;
	int fd;

	(void)state;
	if (what && !strcmp(what, "write")) {
		unlink(GOLDEN);
		write_recording(GOLDEN);
		return;
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	write_recording(path);
	len = read_all(path, made, sizeof(made));
	unlink(path);
	assert_true(len < sizeof(made));
	assert_int_equal(read_all(GOLDEN, committed, sizeof(committed)), len);
	assert_memory_equal(committed, made, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recording),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
