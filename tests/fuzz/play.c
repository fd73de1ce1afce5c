/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/play.h"

#include <string.h>

#include "bpf/event.h"
#include "bpf/rules.h"
#include "event/arrays.h"
#include "event/identity.h"
#include "fixture.h"
#include "tests/fuzz/fuzz.h"

/* They make the kernel half forget, and have to name what there is. */
static void on_evict_cgroup(void *ctx, const struct pvm_cgroup_key *key)
{
	(void)ctx;
	assert_true(key->hier != 0);
}

static void on_evict_id(void *ctx, uint64_t id)
{
	(void)ctx;
	assert_true(id != 0);
}

void play__begin(struct play *p, const uint8_t *data, size_t size)
{
	struct identity_opts opts = { .on_evict_cgroup = on_evict_cgroup,
				      .on_evict_ancestry = on_evict_id,
				      .on_evict_text = on_evict_id };
	size_t cnt;

	*p = (struct play){ .clock = { .steps = { { 0, 2000 } }, .cnt = 1 } };
	frames__begin(&p->frames, data, size);
	p->mend = !(p->frames.choice[0] & 1);
	cnt = p->frames.choice[1] % 16 ? 1000 : 2;
	opts.proc_max = opts.cgroup_max = opts.ancestry_max = opts.text_max = cnt;
	opts.bytes_max = opts.ancestry_bytes_max = opts.text_bytes_max = cnt * 1024;
	opts.args_max = p->frames.choice[2] ? p->frames.choice[2] : PVM_ARGS_MAX;
	memcpy(opts.boot_id, FIXTURE_BOOT_ID, sizeof(opts.boot_id));
	p->decoder = decoder__new(FIXTURE_RUN_ID);
	p->identity = identity__new(&opts);
	p->arrays = arrays__new(cnt * 4096);
	assert_true(p->decoder && p->identity && p->arrays);
}

/* Takes a record of the ring of calls. Returns whether there is one to tell. */
static bool take(struct play *p, void *data, size_t size, struct record *out)
{
	if (p->mend)
		frames__mend_record(data, size);
	switch (decode__type(data, size)) {
	case PVM_CALL:
		out->type = REC_CALL;
		return !decode__call(p->decoder, data, size, p->arrays, p->identity, &p->clock,
				     &out->call);
	case PVM_SUMMARY:
		out->type = REC_SUMMARY;
		return !decode__summary(p->decoder, data, size, p->identity, &p->clock,
					&out->summary);
	case PVM_OPENED:
		out->type = REC_TAMPER;
		return !decode__opened(p->decoder, data, size, p->identity, &p->clock,
				       &out->tamper);
	case PVM_ARGS:
		(void)identity__put_args(p->identity, data, size);
		return false;
	case PVM_ANCESTRY:
		(void)identity__put_ancestry(p->identity, data, size);
		return false;
	default:
		(void)identity__put_path(p->identity, data, size);
		return false;
	}
}

static void take_array(struct play *p, void *data, size_t size)
{
	if (p->mend)
		frames__mend_record(data, size);
	(void)arrays__put(p->arrays, data, size);
}

static void take_clock(struct play *p, const void *data, size_t size)
{
	struct frame_clock step;

	if (size != sizeof(step))
		return;
	memcpy(&step, data, sizeof(step));
	clock__add(&p->clock, step.after_ns, step.to_real);
}

/* A recording whose pages are of another size is not asked for them (replay.c). */
static void take_key(struct play *p, const void *data, size_t size)
{
	struct pin_key key;

	if (size != sizeof(key))
		return;
	memcpy(&key, data, sizeof(key));
	if (key.page_shift >= PVM_PAGE_SHIFT && key.page_shift <= PVM_PAGE_SHIFT_MAX)
		decoder__set_key(p->decoder, &key);
}

bool play__next(struct play *p, struct record *out)
{
	uint32_t kind;
	void *data;
	size_t size;

	memset(out, 0, sizeof(*out));
	while (frames__next(&p->frames, &kind, &data, &size)) {
		if (kind == FRAME_CALL && take(p, data, size, out))
			return true;
		if (kind == FRAME_ARRAY)
			take_array(p, data, size);
		else if (kind == FRAME_CLOCK)
			take_clock(p, data, size);
		else if (kind == FRAME_KEY)
			take_key(p, data, size);
	}
	return false;
}

void play__end(struct play *p)
{
	frames__end(&p->frames);
	decoder__free(p->decoder);
	identity__free(p->identity);
	arrays__free(p->arrays);
}
