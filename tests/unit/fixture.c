/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bpf/rules.h"
#include "fixture.h"

const struct host fixture_host = {
	.name = "web1",
	.machine_id = "0123456789abcdef0123456789abcdef",
	.boot_id = FIXTURE_BOOT_ID,
	.kernel = "6.1.0-40-amd64",
	.kernel_version = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.153-1",
	.arch = "x86_64",
};

static const struct pvm_task caller = {
	.start_ns = 5000000000,
	.cgroup_id = 8123,
	.exe_ino = 1234,
	.caps_effective = 0x1ffffffffff,
	.pid = 4242,
	.tid = 4243,
	.ppid = 4100,
	.pid_ns = 7,
	.uid = 1000,
	.gid = 1001,
	.euid = 0,
	.egid = 1001,
	.suid = 0,
	.sgid = 1002,
	.loginuid = 1000,
	.sessionid = 3,
	.ns_pid = 4026531836,
	.ns_mnt = 4026531841,
	.ns_user = 4026531837,
	.exe_dev = 254 << 20,
	.exec_id = 11,
	.hier = PVM_HIER_V2,
	.flags = PVM_TASK_EXE | PVM_TASK_CREDS,
	.comm = "dumper",
	.pcomm = "bash",
};

static const struct pvm_task target = {
	.start_ns = 3000000000,
	.cgroup_id = 99,
	.exe_ino = 77,
	.pid = 991,
	.tid = 991,
	.ppid = 1,
	.pid_ns = 991,
	.uid = 33,
	.gid = 33,
	.euid = 33,
	.egid = 33,
	.suid = 33,
	.sgid = 33,
	.loginuid = PVM_NO_ID,
	.sessionid = PVM_NO_ID,
	.ns_pid = 4026531836,
	.ns_mnt = 4026531841,
	.ns_user = 4026531837,
	.exe_dev = 8 << 20 | 1,
	.exec_id = 4,
	.hier = PVM_HIER_V2,
	.flags = PVM_TASK_EXE | PVM_TASK_CREDS,
	.comm = "httpd",
	.pcomm = "systemd",
};

void fixture__call(struct fixture_call *f)
{
	static const struct iov_elem local = { 0x7ffd12345000, 4096 };
	static const struct iov_elem remote = { 0x55d0c0de0000, 4096 };
	const uint8_t both = PVM_SIDE_ENTRY | PVM_SIDE_EXIT | PVM_SIDE_SAME;

	memset(f, 0, sizeof(*f));
	f->call = (struct pvm_call){
		.hdr = { .type = PVM_CALL, .version = PVM_WIRE_VERSION },
		.entry_ns = 6000000000,
		.exit_ns = 6000001830,
		.args = { 991, 0x7ffd12340000, 1, 0x7ffd12340010, 1, 0 },
		.ret = 4096,
		.rules = { 1, 1 },
		.phase = PVM_COMPLETE,
		.abi = PVM_ABI_X86_64,
		.op = PVM_READ,
		.kind = PVM_KIND_PID,
		.resolved = PVM_RESOLVED_ENTRY,
		.kinship = PVM_KIN_NONE,
		.local = { .addr = 0x7ffd12340000,
			   .count = 1,
			   .flags = both,
			   .entry_ok = 1,
			   .exit_ok = 1 },
		.remote = { .addr = 0x7ffd12340010,
			    .count = 1,
			    .flags = both,
			    .entry_ok = 1,
			    .exit_ok = 1 },
		.caller = caller,
		.target = target,
		.access = { .user_ns_owner = 65534,
			    .flags = PVM_ACCESS_KNOWN | PVM_ACCESS_DUMPABLE | PVM_ACCESS_CAPABLE,
			    .dumpable = 1 },
	};
	fixture__data(f, &local, sizeof(local), &remote, sizeof(remote), NULL, 0, NULL, 0);
}

static uint8_t *append(uint8_t *at, const void *bytes, uint16_t len)
{
	if (len)
		memcpy(at, bytes, len);
	return at + len;
}

void fixture__data(struct fixture_call *f, const void *local, uint16_t local_len,
		   const void *remote, uint16_t remote_len, const void *local_exit,
		   uint16_t local_exit_len, const void *remote_exit, uint16_t remote_exit_len)
{
	uint8_t *at = f->bytes + sizeof(f->call);

	at = append(at, local, local_len);
	at = append(at, remote, remote_len);
	at = append(at, local_exit, local_exit_len);
	at = append(at, remote_exit, remote_exit_len);
	f->call.local.entry_len = local_len;
	f->call.remote.entry_len = remote_len;
	f->call.local.exit_len = local_exit_len;
	f->call.remote.exit_len = remote_exit_len;
	f->call.hdr.size = (uint32_t)(at - f->bytes);
}

struct pvm_pins fixture__one_page(const struct pin_key *key, uint64_t page)
{
	return (struct pvm_pins){
		.sum = pvm_pins_add(0, page, 1, key->key[0], key->key[1]),
		.first = page,
		.last = page,
		.pages = 1,
	};
}

void fixture__pins(struct fixture_call *f, const struct pvm_pins *pins)
{
	memcpy(f->bytes + f->call.hdr.size, pins, sizeof(*pins));
	f->call.hdr.size += sizeof(*pins);
	f->call.flags |= PVM_CALL_PINS;
}

size_t fixture__path(void *buf, uint16_t type, const struct pvm_task *task, const char *names,
		     uint32_t len, uint8_t flags)
{
	struct pvm_path *path = buf;

	memset(path, 0, sizeof(*path));
	path->hdr.size = (uint32_t)(sizeof(*path) + len);
	path->hdr.type = type;
	path->hdr.version = PVM_WIRE_VERSION;
	path->start_ns = task->start_ns;
	path->pid = task->pid;
	path->id = type == PVM_EXE ? task->exe_ino : task->cgroup_id;
	path->dev = type == PVM_EXE ? task->exe_dev : 0;
	if (type == PVM_EXE)
		path->file = (struct pvm_file_id){
			.ino = task->exe_ino,
			.dev = task->exe_dev,
			.size = 123456,
			.gen = 77,
			.ctime_ns = 1795202891123456789ULL, /* 2026-11-20T19:28:11.123456789Z */
		};
	path->exec_id = task->exec_id;
	path->hier = type == PVM_EXE ? 0 : task->hier;
	path->len = len;
	path->flags = flags;
	memcpy(path->data, names, len);
	return path->hdr.size;
}

size_t fixture__args(void *buf, const struct pvm_task *task, const char *args, uint32_t len,
		     uint32_t total)
{
	struct pvm_args *rec = buf;

	memset(rec, 0, sizeof(*rec));
	rec->hdr.size = (uint32_t)(sizeof(*rec) + len);
	rec->hdr.type = PVM_ARGS;
	rec->hdr.version = PVM_WIRE_VERSION;
	rec->start_ns = task->start_ns;
	rec->pid = task->pid;
	rec->exec_id = task->exec_id;
	rec->len = len;
	rec->total = total;
	memcpy(rec->data, args, len);
	return rec->hdr.size;
}

static struct pvm_relative relative(uint32_t pid, const char *comm)
{
	struct pvm_relative r = { .start_ns = 1000000000 + pid,
				  .exe_ino = 1000 + pid,
				  .pid = pid,
				  .exe_dev = 254 << 20,
				  .exec_id = pid % 7,
				  .flags = PVM_TASK_EXE };

	snprintf(r.comm, sizeof(r.comm), "%s", comm);
	return r;
}

size_t fixture__ancestry(void *buf, uint64_t id, enum pvm_who who, uint32_t cnt)
{
	static const char *const names[] = { "bash", "sshd", "systemd" };
	struct pvm_ancestry *rec = buf;

	memset(rec, 0, sizeof(*rec) + cnt * sizeof(rec->ancestors[0]));
	rec->hdr.size = (uint32_t)(sizeof(*rec) + cnt * sizeof(rec->ancestors[0]));
	rec->hdr.type = PVM_ANCESTRY;
	rec->hdr.version = PVM_WIRE_VERSION;
	rec->id = id;
	rec->cnt = (uint16_t)cnt;
	rec->above = who == PVM_TARGET ? PVM_ABOVE_NONE : PVM_ABOVE_MORE;
	for (uint32_t i = 0; i < cnt; i++)
		rec->ancestors[i] = who == PVM_TARGET ? relative(1, "systemd")
						      : relative(4100 - i * 1000, names[i % 3]);
	if (who == PVM_CALLER) {
		rec->tty_dev = 136 << 20 | 3;
		strcpy(rec->tty, "pts3");
		rec->session = relative(4100, "bash");
		rec->tracer = relative(77, "gdb");
	}
	return rec->hdr.size;
}

size_t fixture__array(void *buf, const struct pvm_call *call, enum pvm_array_of of, bool at_exit,
		      const void *bytes, uint32_t len, uint8_t ok)
{
	struct pvm_array *array = buf;

	memset(array, 0, sizeof(*array));
	array->hdr.size = (uint32_t)(sizeof(*array) + len);
	array->hdr.type = PVM_ARRAY;
	array->hdr.version = PVM_WIRE_VERSION;
	array->entry_ns = call->entry_ns;
	array->tid = call->caller.tid;
	array->of = (uint8_t)of;
	array->at_exit = at_exit;
	array->ok = ok;
	array->len = len;
	memcpy(array->data, bytes, len);
	return array->hdr.size;
}

size_t fixture__moved(void *buf, struct pvm_call *call, const void *bytes, uint32_t len)
{
	struct pvm_array *array = buf;
	size_t size = fixture__array(buf, call, false, false, bytes, len, 0);

	array->of = PVM_ARRAY_DATA;
	call->flags |= PVM_CALL_DATA;
	return size;
}

void fixture__summary(struct pvm_summary *sum, const struct pvm_call *call)
{
	memset(sum, 0, sizeof(*sum));
	sum->hdr.size = sizeof(*sum);
	sum->hdr.type = PVM_SUMMARY;
	sum->hdr.version = PVM_WIRE_VERSION;
	sum->tally.calls = 3;
	sum->tally.bytes = 3 * (uint64_t)call->ret;
	sum->tally.duration_ns = 3 * (call->exit_ns - call->entry_ns);
	sum->tally.first_ns = call->entry_ns;
	sum->tally.last_ns = call->entry_ns + 2000000;
	sum->tally.outcome = PVM_SUCCEEDED;
	sum->tally.reason = PVM_OVERFLOW;
	sum->tally.abis[call->abi <= PVM_ABI_ARM ? call->abi : 0] = 3;
	sum->tally.low = 0x7f0000001000;
	sum->tally.high = 0x7f0000002fff;
	memcpy(sum->call, call, sizeof(sum->call));
}

static uint64_t random_state;

void fixture__seed(uint64_t seed)
{
	random_state = seed;
}

uint64_t fixture__random(void)
{
	uint64_t x = random_state += 0x9e3779b97f4a7c15;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

uint32_t fixture__below(uint32_t max)
{
	return (uint32_t)(fixture__random() % max);
}

void fixture__random_bytes(void *to, size_t len)
{
	uint8_t *at = to;

	while (len--)
		*at++ = (uint8_t)fixture__random();
}
