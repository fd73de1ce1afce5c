/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "random_call.h"

/* Makes bytes of one of several kinds: letters, anything, control bytes, quotes, UTF-8 that is nearly valid. */
static size_t random_text(char *to, size_t max)
{
	static const char *const kinds[] = { "abcdefgh/._-", NULL, "\x01\x02\x1f\x7f", "\"\\",
					     "\xc3\xa4\xf0\x9f\x90\xa7\xed\xa0" };
	const char *kind = kinds[fixture__below(5)];
	size_t len = fixture__below(4) ? fixture__below(60) : fixture__below((uint32_t)max);

	for (size_t i = 0; i < len; i++) {
		if (kind)
			to[i] = kind[fixture__below((uint32_t)strlen(kind))];
		else
			to[i] = (char)(1 + fixture__below(255));
	}
	return len;
}

static uint64_t random_number(void)
{
	return fixture__random() >> fixture__below(64);
}

static void random_side(struct list_info *a, struct iov_elem *iov, struct iov_elem *exit)
{
	uint32_t max = fixture__below(3) ? 12 : PVM_IOV_MAX + 1;

	memset(a, 0, sizeof(*a));
	a->addr = random_number();
	a->count = random_number();
	a->status = (enum list_status)fixture__below(LIST_LOST + 1);
	a->changed = (enum tristate)((int)fixture__below(3) - 1);
	a->captured = fixture__below(max);
	a->user = a->captured;
	a->iov = iov;
	a->total_len = random_number();
	a->gap_cnt = fixture__below(LIST_GAPS_MAX + 1);
	for (uint32_t i = 0; i < a->gap_cnt; i++)
		a->gaps[i] = (struct iov_gap){ fixture__below(1024), fixture__below(1024) };
	for (uint32_t i = 0; i < a->captured; i++)
		iov[i] = (struct iov_elem){ random_number(), random_number() };
	if (a->changed != YES)
		return;
	a->iov_exit = exit;
	a->exit_cnt = fixture__below(max);
	for (uint32_t i = 0; i < a->exit_cnt; i++)
		exit[i] = (struct iov_elem){ random_number(), random_number() };
}

static const struct container ids[] = { { ID64, 64 }, { "web1", 4 }, { "a-b", 3 } };

static void random_task(struct sample *s, struct task_info *t, struct pvm_task *task, size_t who)
{
	if (fixture__below(2))
		fixture__random_bytes(task, sizeof(*task));
	else if (fixture__below(2))
		memset(task, 0xff, sizeof(*task));
	if (fixture__below(2)) {
		random_text(task->comm, PVM_COMM_SZ);
		random_text(task->pcomm, PVM_COMM_SZ);
	}
	t->exe_len = random_text(s->exe[who], 4200);
	t->cgroup_len = random_text(s->cgroup[who], 4200);
	t->exe = fixture__below(8) ? s->exe[who] : NULL;
	t->cgroup = fixture__below(8) ? s->cgroup[who] : NULL;
	t->cgroup_cut = fixture__below(4) == 0;
	t->containers = ids;
	t->container_cnt = fixture__below(3) ? 0 : fixture__below(4);
	t->real_start_ns = random_number();
	memset(t->entity_id, 'f', sizeof(t->entity_id) - 1);
}

static void random_regions(struct sample *s, struct regions_info *out, int exit)
{
	out->known = fixture__below(3);
	out->cnt = out->known ? fixture__below(fixture__below(2) ? 3 : PVM_REGIONS_MAX + 2) : 0;
	for (uint32_t i = 0; i < out->cnt; i++) {
		struct pvm_region *r = &s->region[exit][i];
		struct region_info *info = &s->regions[exit][i];

		fixture__random_bytes(r, sizeof(*r));
		r->kind = (uint8_t)fixture__below(PVM_REGION_KIND_CNT);
		r->first &= 511;
		r->cnt = 1;
		info->text = fixture__below(2) ? s->mapped : NULL;
		info->text_len = strlen(s->mapped);
		if (!info->text_len || r->kind <= PVM_REGION_NONE)
			info->text = NULL;
	}
}

void random_call(struct sample *s)
{
	struct call_info *c = &s->r.call;
	size_t len;

	c->outcome = (enum pvm_outcome)(PVM_SUCCEEDED + fixture__below(3));
	c->ret_known = fixture__below(2);
	c->ret = (int64_t)random_number();
	c->error = c->outcome == PVM_FAILED ? "EPROTONOSUPPORT" : NULL;
	c->duration_ns = random_number();
	c->requested = random_number();
	c->flags = random_number();
	c->target_arg = (int32_t)random_number();
	c->id[CALL_ID_MAX] = '\0';
	memset(c->id, 'f', CALL_ID_MAX);
	s->r.seq = random_number();
	s->r.real_ns = fixture__random();
	random_task(s, &c->caller, &s->f.call.caller, 0);
	len = random_text(s->args, 4096);
	for (uint32_t n = fixture__below(20); n > 0 && len; n--)
		s->args[fixture__below((uint32_t)len)] = '\0';
	c->caller.args = fixture__below(8) ? s->args : NULL;
	c->caller.args_len = len;
	if (fixture__below(6)) {
		random_task(s, &c->target, &s->f.call.target, 1);
	} else {
		memset(&c->target, 0, sizeof(c->target));
		s->f.call.resolved = PVM_UNRESOLVED;
	}
	if (c->target.task && fixture__below(2)) {
		sample__borrow(s);
		fixture__random_bytes(s->owner.comm, PVM_COMM_SZ);
		c->owner.exe_len = random_text(s->exe[2], 4200);
		c->owner.exe = fixture__below(8) && c->owner.exe_len ? s->exe[2] : NULL;
	}
	c->access.by = (enum access_by)fixture__below(ACCESS_BY_OTHER + 1);
	c->access.denied_by = c->access.by
				      ? ACCESS_DENIED_NONE
				      : (enum access_denied)fixture__below(ACCESS_DENIED_LSM + 1);
	c->access.inferred = (enum tristate)((int)fixture__below(3) - 1);
	c->access.cap_sys_ptrace = (enum tristate)((int)fixture__below(3) - 1);
	c->access.caps_covered = (enum tristate)((int)fixture__below(3) - 1);
	c->access.traces_target = (enum tristate)((int)fixture__below(3) - 1);
	c->access.yama = (enum pvm_yama)fixture__below(PVM_YAMA_NO_ATTACH + 1);
	fixture__random_bytes(&s->f.call.access, sizeof(s->f.call.access));
	random_side(&c->local, s->iov[0], s->iov[2]);
	random_side(&c->remote, s->iov[1], s->iov[3]);
	fixture__random_bytes(s->moved, sizeof(s->moved));
	c->data = fixture__below(2) ? s->moved : NULL;
	c->data_len = c->data ? 1 + fixture__below(sizeof(s->moved)) : 0;
	fixture__random_bytes(&s->pins, sizeof(s->pins));
	s->pins.pages |= 1;
	c->pins = fixture__below(2) ? &s->pins : NULL;
	sample__map(s);
	random_text(s->mapped, 4096);
	random_regions(s, &c->regions, 0);
	random_regions(s, &c->regions_exit, 1);
	c->regions_confirmed = fixture__below(2) ? YES : UNKNOWN;
	c->confirmed = c->pins && c->remote.changed != YES && fixture__below(2) ? YES : UNKNOWN;
	c->rule = fixture__below(2) ? &rendering_rule : NULL;
}

void random_summary(struct sample *s)
{
	struct summary_info *sum = &s->r.summary;

	random_call(s);
	sample__summarise(s);
	sum->reason = fixture__below(2) ? PVM_OVERFLOW : PVM_AGGREGATE;
	sum->sums_known = fixture__below(4);
	sum->calls = random_number();
	sum->bytes = random_number();
	sum->duration_ns = random_number();
	sum->error_cnt = fixture__below(3);
	sum->errors[0].calls = sum->errors[1].calls = random_number();
	sum->abis[0].calls = random_number();
	sum->range_known = fixture__below(2);
	sum->low = random_number();
	sum->high = random_number();
	sum->first_ns = random_number();
	sum->last_ns = random_number();
}
