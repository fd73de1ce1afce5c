/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/rules.h"

#define ALL_KNOWN (PVM_ACCESS_KNOWN | PVM_ACCESS_DUMPABLE)
#define COVERED (ALL_KNOWN | PVM_ACCESS_COVERED)

/* What lies there. */
static const struct pvm_region regions[] = {
	{ .kind = PVM_REGION_STACK, .perms = PVM_REGION_READ | PVM_REGION_WRITE },
	{ .kind = PVM_REGION_ANON, .perms = PVM_REGION_READ },
	{ .kind = PVM_REGION_VDSO, .perms = PVM_REGION_READ | PVM_REGION_EXEC },
	{ .kind = PVM_REGION_VVAR, .perms = PVM_REGION_READ },
	{ .kind = PVM_REGION_NONE },
};

#define REGIONS (sizeof(regions) / sizeof(regions[0]))

/* By what right, or for want of what. */
static const struct right {
	struct pvm_access access;
	int64_t ret;
	bool self, same_user;
} rights[] = {
	{ { .flags = COVERED, .dumpable = 1 }, 4096, .self = true },
	{ { .flags = COVERED, .dumpable = 1, .yama = PVM_YAMA_DISABLED }, 4096, .same_user = true },
	{ { .flags = COVERED, .dumpable = 1 }, 4096, .same_user = false },
	{ { .flags = COVERED, .dumpable = 1 }, -1, .same_user = false },
	{ { .flags = COVERED, .dumpable = 0 }, -1, .same_user = true },
	{ { .flags = ALL_KNOWN, .dumpable = 1 }, -1, .same_user = true },
	{ { .flags = COVERED | PVM_ACCESS_ASKED | PVM_ACCESS_REFUSED,
	    .dumpable = 1,
	    .yama = PVM_YAMA_RELATIONAL },
	  -1,
	  .same_user = true },
};

#define RIGHTS (sizeof(rights) / sizeof(rights[0]))

static void make_same_user(struct pvm_call *call)
{
	struct pvm_task *t = &call->target;

	t->uid = t->euid = t->suid = call->caller.uid;
	t->gid = t->egid = t->sgid = call->caller.gid;
}

_Static_assert(REGIONS + RIGHTS == KINDS, "all of them");

static void make_region(struct pvm_call *call, const struct pvm_region *region, uint64_t label)
{
	call->region = *region;
	call->region.cnt = 1;
	call->region.start = 0x55d0c0d00000;
	call->region.end = 0x55d0c0e00000;
	call->region.text = region->kind == PVM_REGION_ANON ? label : 0;
	if (region->kind == PVM_REGION_NONE) {
		call->region.start = call->region.end = 0;
		call->ret = -EFAULT;
	}
	call->region_cnt = 1;
	call->look = PVM_LOOK_TAKEN;
}

void kinds__make(struct fixture_call *f, unsigned int number, uint64_t label)
{
	const struct right *right;

	if (number < REGIONS) {
		make_region(&f->call, &regions[number], label);
		return;
	}
	right = &rights[number - REGIONS];
	f->call.access = right->access;
	f->call.ret = right->ret;
	if (right->self) {
		f->call.target = f->call.caller;
		f->call.kinship = PVM_KIN_SELF;
	}
	if (right->same_user)
		make_same_user(&f->call);
}

const struct pvm_opened *kinds__opened(bool refused)
{
	static struct pvm_opened opened;
	struct fixture_call f;

	fixture__call(&f);
	memset(&opened, 0, sizeof(opened));
	opened.hdr = (struct pvm_hdr){ sizeof(opened), PVM_OPENED, PVM_WIRE_VERSION };
	opened.by = f.call.caller;
	opened.at_ns = f.call.exit_ns;
	opened.ret = refused ? -EPERM : 7;
	opened.id = 41;
	opened.kind = refused ? PVM_OBJECT_LINK : PVM_OBJECT_MAP;
	snprintf(opened.name, sizeof(opened.name), "%s", refused ? "pvm_exit" : "pvm_filter_pid");
	if (refused) {
		opened.by.exec_id++; /* whose program is not known */
		snprintf(opened.by.comm, sizeof(opened.by.comm), "od\xff");
	}
	return &opened;
}
