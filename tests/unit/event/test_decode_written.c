/* SPDX-License-Identifier: Apache-2.0 */
/* What a call wrote over its own lists is in no event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "decoding.h"

#define LOCAL_AT 0x10000
#define REMOTE_AT 0x20000
#define KERNEL_AT 0xffff888000000000ULL
#define ELSEWHERE 0x30000

/* It has one element a side, and what is at the side in question when the call ends. */
struct scene {
	const char *what;
	struct iov_elem local, remote;
	struct iov_elem exit; /* len 0: the same as at entry */
	bool at_remote;	      /* the side that the exit's bytes are of */
	bool late;	      /* that side was not readable at entry */
	bool other;	      /* the target is another process */
	uint8_t op, phase, abi;
	int64_t ret;
	enum list_status status;
	enum tristate changed;
	bool shown; /* what was seen at exit */
};

static void side_put(const struct scene *s, struct pvm_side *side, bool is_it)
{
	side->count = 1;
	side->flags = PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
	side->entry_ok = side->exit_ok = 1;
	if (is_it && s->late)
		side->entry_ok = 0;
	if (!is_it || !s->exit.len)
		side->flags |= PVM_SIDE_SAME;
}

static void check_scene(const struct scene *s)
{
	bool differs = s->exit.len;
	struct fixture_call f;
	struct call_info c;
	const struct list_info *a;

	fixture__call(&f);
	f.call.op = s->op ? s->op : PVM_READ;
	f.call.phase = s->phase ? s->phase : PVM_COMPLETE;
	f.call.abi = s->abi ? s->abi : PVM_ABI_X86_64;
	f.call.ret = s->ret;
	f.call.kinship = s->other ? PVM_KIN_NONE : PVM_KIN_SELF;
	side_put(s, &f.call.local, !s->at_remote);
	side_put(s, &f.call.remote, s->at_remote);
	f.call.local.addr = LOCAL_AT;
	f.call.remote.addr = REMOTE_AT;
	fixture__data(&f, &s->local, 16, &s->remote, 16, &s->exit,
		      differs && !s->at_remote ? 16 : 0, &s->exit,
		      differs && s->at_remote ? 16 : 0);
	decoding__call(&f, &c);
	a = s->at_remote ? &c.remote : &c.local;
	if (a->status != s->status || a->changed != s->changed || !a->iov_exit == s->shown)
		fail_msg("%s: status %d, changed %d, exit %s", s->what, a->status, a->changed,
			 a->iov_exit ? "shown" : "not shown");
	if (a->iov_exit)
		assert_memory_equal(a->iov_exit, &s->exit, sizeof(s->exit));
	if (a->captured && !s->late)
		assert_memory_equal(a->iov, s->at_remote ? &s->remote : &s->local,
				    sizeof(s->local));
}

static const struct scene scenes[] = {
	{ "another thread changed it",
	  { ELSEWHERE, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .ret = 64,
	  .changed = YES,
	  .shown = true },
	{ "a read over an alias of its page, as if another thread had",
	  { ELSEWHERE + (LOCAL_AT & 4095), 64 },
	  { 1, 64 },
	  .exit = { 0x41414141, 0x4141 },
	  .ret = 64,
	  .changed = YES,
	  .shown = true },
	{ "which no list can be",
	  { ELSEWHERE + (LOCAL_AT & 4095), 64 },
	  { 1, 64 },
	  .exit = { 0x4141414141414141, 0x4141414141414141 },
	  .ret = 64,
	  .changed = YES },
	{ "a read over its local list",
	  { LOCAL_AT, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .ret = 64,
	  .changed = YES },
	{ "over its last byte",
	  { LOCAL_AT + 15, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .ret = 1,
	  .changed = YES },
	{ "up to its begin",
	  { LOCAL_AT - 64, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .ret = 64,
	  .changed = YES,
	  .shown = true },
	{ "of which less moved",
	  { LOCAL_AT - 32, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .ret = 32,
	  .changed = YES,
	  .shown = true },
	{ "of which just enough moved",
	  { LOCAL_AT - 32, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .ret = 33,
	  .changed = YES },
	{ "with the same bytes", { LOCAL_AT, 64 }, { 1, 64 }, .ret = 64, .changed = YES },
	{ "that failed", { LOCAL_AT, 64 }, { 1, 64 }, .ret = -14, .changed = NO },
	{ "that moved nothing", { LOCAL_AT, 64 }, { 1, 64 }, .ret = 0, .changed = NO },
	{ "over its remote list",
	  { REMOTE_AT, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .at_remote = true,
	  .ret = 64,
	  .changed = YES },
	{ "of another process",
	  { REMOTE_AT, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .at_remote = true,
	  .other = true,
	  .ret = 64,
	  .changed = YES },
	{ "the element wraps around",
	  { REMOTE_AT, UINT64_MAX },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .at_remote = true,
	  .ret = 64,
	  .changed = YES },
	{ "not readable at entry",
	  { REMOTE_AT, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .at_remote = true,
	  .late = true,
	  .ret = 64,
	  .status = LIST_FAULT,
	  .changed = YES },
	{ "not readable at entry, and left alone",
	  { ELSEWHERE, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .at_remote = true,
	  .late = true,
	  .ret = 64,
	  .status = LIST_LATE,
	  .changed = UNKNOWN },
	{ "no list, and not readable at entry",
	  { ELSEWHERE, 64 },
	  { 1, 64 },
	  .exit = { 7, 1ULL << 63 },
	  .at_remote = true,
	  .late = true,
	  .ret = 64,
	  .status = LIST_FAULT,
	  .changed = UNKNOWN },
	{ "the reason for a failure, not readable at entry",
	  { ELSEWHERE, 64 },
	  { 1, 64 },
	  .exit = { 7, 1ULL << 63 },
	  .at_remote = true,
	  .late = true,
	  .ret = -22,
	  .status = LIST_LATE,
	  .changed = UNKNOWN },
	{ "a negative length",
	  { ELSEWHERE, 64 },
	  { 1, 64 },
	  .exit = { 7, 1ULL << 63 },
	  .ret = 64,
	  .changed = YES },
	{ "the kernel's address",
	  { ELSEWHERE, 64 },
	  { 1, 64 },
	  .exit = { KERNEL_AT, 64 },
	  .ret = 64,
	  .changed = YES },
	{ "text",
	  { ELSEWHERE, 64 },
	  { 1, 64 },
	  .exit = { 0x3a74656b63657273, 0x3a74656b63657273 },
	  .ret = 64,
	  .changed = YES },
	{ "a write to itself over its local list",
	  { ELSEWHERE, 64 },
	  { LOCAL_AT, 64 },
	  .exit = { 7, 64 },
	  .op = PVM_WRITE,
	  .ret = 64,
	  .changed = YES },
	{ "a write to itself over its remote list",
	  { ELSEWHERE, 64 },
	  { REMOTE_AT, 64 },
	  .exit = { 7, 64 },
	  .at_remote = true,
	  .op = PVM_WRITE,
	  .ret = 64,
	  .changed = YES },
	{ "a write to another one at such an address",
	  { ELSEWHERE, 64 },
	  { LOCAL_AT, 64 },
	  .exit = { 7, 64 },
	  .other = true,
	  .op = PVM_WRITE,
	  .ret = 64,
	  .changed = YES,
	  .shown = true },
	{ "an address with a tag",
	  { LOCAL_AT | 0x7full << 56, 64 },
	  { 1, 64 },
	  .exit = { 7, 64 },
	  .abi = PVM_ABI_ARM64,
	  .ret = 64,
	  .changed = YES },
	{ "an exit without an entry",
	  { LOCAL_AT, 64 },
	  { 1, 64 },
	  .exit = { LOCAL_AT, 64 },
	  .phase = PVM_ORPHAN,
	  .ret = 64,
	  .status = LIST_FAULT,
	  .changed = UNKNOWN },
	{ "an exit without an entry, elsewhere",
	  { ELSEWHERE, 64 },
	  { 1, 64 },
	  .exit = { ELSEWHERE, 64 },
	  .phase = PVM_ORPHAN,
	  .ret = 64,
	  .changed = UNKNOWN },
	{ "an exit without an entry, refused",
	  { LOCAL_AT, 64 },
	  { 1, 64 },
	  .exit = { LOCAL_AT, 64 },
	  .phase = PVM_ORPHAN,
	  .ret = -1,
	  .changed = UNKNOWN },
};

static void test_scenes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		check_scene(&scenes[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenes),
	};

	return cmocka_run_group_tests(tests, decoding__setup, decoding__teardown);
}
