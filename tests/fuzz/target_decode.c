/* SPDX-License-Identifier: Apache-2.0 */
/* decode - records of every kind, in any order: what is made of them is within its bounds, and all that it points to is there. */
#include "decoding.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/play.h"

static void touch_task(const struct task_info *t)
{
	fuzz__touch(t->exe, t->exe ? t->exe_len : 0);
	fuzz__touch(t->args, t->args ? t->args_len : 0);
	fuzz__touch(t->cgroup, t->cgroup ? t->cgroup_len : 0);
	fuzz__touch(t->file, t->file ? sizeof(*t->file) : 0);
	assert_true(!t->cgroup || t->container_end <= t->cgroup_len);
	for (size_t i = 0; i < t->container_cnt; i++)
		fuzz__touch(t->containers[i].id, t->containers[i].len);
	fuzz__touch(t->task, t->task ? sizeof(*t->task) : 0);
}

static void touch_relative(const struct relative_info *r)
{
	if (r)
		fuzz__touch(r->exe, r->exe ? r->exe_len : 0);
}

static void touch_ancestry(const struct ancestry_info *a)
{
	if (!a)
		return;
	assert_true(a->cnt <= PVM_ANCESTORS_MAX);
	for (size_t i = 0; i < a->cnt; i++)
		touch_relative(&a->ancestors[i]);
	touch_relative(a->session);
	touch_relative(a->tracer);
}

static void touch_regions(const struct regions_info *regions)
{
	if (!regions->known)
		return;
	assert_true(regions->cnt <= PVM_REGIONS_MAX + 1);
	for (uint32_t i = 0; i < regions->cnt; i++) {
		const struct region_info *r = &regions->at[i];

		fuzz__touch(r->raw, sizeof(*r->raw));
		fuzz__touch(r->text, r->text ? r->text_len : 0);
		assert_true(r->raw->kind < PVM_REGION_KIND_CNT);
	}
}

static void touch_list(const struct list_info *a)
{
	fuzz__touch(a->iov, a->captured * sizeof(*a->iov));
	fuzz__touch(a->iov_exit, a->iov_exit ? a->exit_cnt * sizeof(*a->iov_exit) : 0);
}

static void check_call(const struct call_info *c)
{
	decoding__check(c);
	assert_true(c->outcome >= PVM_SUCCEEDED && c->outcome <= PVM_UNKNOWN);
	assert_true(!c->data || (c->data_len && c->data_len <= PVM_DATA_MAX));
	fuzz__touch(c->data, c->data ? c->data_len : 0);
	fuzz__touch(c->pins, c->pins ? sizeof(*c->pins) : 0);
	touch_task(&c->caller);
	touch_task(&c->target);
	touch_task(&c->owner);
	touch_ancestry(c->ancestry[PVM_CALLER]);
	touch_ancestry(c->ancestry[PVM_TARGET]);
	touch_list(&c->local);
	touch_list(&c->remote);
	touch_regions(&c->regions);
	touch_regions(&c->regions_exit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record r;
	struct play p;

	play__begin(&p, data, size);
	while (play__next(&p, &r)) {
		if (r.type == REC_TAMPER) {
			touch_task(&r.tamper.by);
			continue;
		}
		check_call(&r.call);
		if (r.type != REC_SUMMARY)
			continue;
		assert_true(r.summary.error_cnt <= PVM_USUAL_CNT);
		assert_true(r.summary.abi_cnt <= PVM_ABI_CNT - 1);
	}
	play__end(&p);
	return 0;
}
