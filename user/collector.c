/* SPDX-License-Identifier: Apache-2.0 */
#include "collector.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/log.h"
#include "bpf/keys.h"
#include "bpf/rules.h"
#include "event/judge.h"
#include "event/regions.h"
#include "told.h"

#define TEXT_BYTES_MAX (4u << 20)
#define BYTES_MAX (8u << 20)
#define HELD_MAX (8u << 20)
#define ANCESTRY_MAX 4096
#define ANCESTRY_BYTES_MAX (4u << 20)
/* So many marks are taken back at most between two ticks. */
#define REMINDERS 64
/* So many records are taken between two looks at signals and timers: well under a millisecond's work. */
#define BATCH 512
/* It is the time between two looks for an array that is still to come. */
#define ARRAY_WAIT_NS 100000L

int collector__open(struct collector *c, const struct options *o)
{
	struct identity_opts id = {
		.proc_max = PVM_PROC_ROOM / 2,
		.cgroup_max = PVM_CGROUP_ROOM / 2,
		.bytes_max = BYTES_MAX,
		.text_max = PVM_TEXT_ROOM / 2,
		.text_bytes_max = TEXT_BYTES_MAX,
		.args_max = o->args_bytes,
		.ancestry_max = ANCESTRY_MAX,
		.ancestry_bytes_max = ANCESTRY_BYTES_MAX,
		.on_evict_ancestry = c->from.ops->forget_ancestry,
		.on_evict_proc = c->from.ops->forget_proc,
		.on_evict_cgroup = c->from.ops->forget_cgroup,
		.on_evict_text = c->from.ops->forget_text,
		.ctx = c->from.ctx,
	};
	int err;

	c->options = o;
	err = c->from.ops->open(c->from.ctx, c);
	if (err)
		return err;
	memcpy(id.boot_id, c->host.boot_id, sizeof(id.boot_id));
	c->decoder = decoder__new(c->run_id);
	c->arrays = arrays__new(HELD_MAX);
	c->identity = identity__new(&id);
	if (!c->decoder || !c->arrays || !c->identity) {
		log__error("out of memory");
		return EX_SOFTWARE;
	}
	return 0;
}

uint64_t collector__bytes(const struct options *o)
{
	uint64_t buffer = sink__buffer(o->max_line);

	/* A fourth of the buffer is for its marks; a line is rendered twice at most. */
	return buffer + buffer / 4 + 2ULL * o->max_line + BYTES_MAX + TEXT_BYTES_MAX + HELD_MAX +
	       ANCESTRY_BYTES_MAX;
}

void collector__set_key(struct collector *c, const struct pin_key *key)
{
	c->pages_lack = key->may_lack;
	decoder__set_key(c->decoder, key);
}

int collector__close(struct collector *c)
{
	int err = c->to.ops ? c->to.ops->close(c->to.ctx) : 0;

	identity__free(c->identity);
	arrays__free(c->arrays);
	decoder__free(c->decoder);
	return err;
}

void collector__record_clock(struct collector *c)
{
	const struct clock_base *clock = &c->clock;

	while (c->clock_recorded < clock->total) {
		uint64_t left = clock->total - c->clock_recorded;
		const struct clock_step *step =
			&clock->steps[left < clock->cnt ? clock->cnt - left : 0];
		const struct frame_clock frame = { step->after_ns, step->to_real };

		if (c->to.ops->keep(c->to.ctx, FRAME_CLOCK, &frame, sizeof(frame)))
			return;
		c->clock_recorded++;
	}
}

void collector__look_at_host(struct collector *c)
{
	char name[HOST_NAME_SZ] = "";

	if (c->options->host_name || !host__name_changed(&c->host, name))
		return;
	/* Where there is no room, it is read once more the next time. */
	if (c->to.ops->keep(c->to.ctx, FRAME_HOST, name, sizeof(name)))
		return;
	memcpy(c->host.name, name, sizeof(name));
	log__info("this host has another name now");
}

/* Returns whether the snapshots that the call's record speaks of have arrived. */
static bool arrays_there(const struct collector *c, const struct pvm_call *call,
			 const struct pvm_side *side, enum pvm_array_of of)
{
	if (!(side->flags & PVM_SIDE_RING))
		return true;
	if ((side->flags & PVM_SIDE_ENTRY) && side->entry_ok &&
	    !arrays__find(c->arrays, call->caller.tid, call->entry_ns, of, false))
		return false;
	if (pvm_has_exit(call->phase) && (side->flags & PVM_SIDE_EXIT) && side->exit_ok &&
	    !arrays__find(c->arrays, call->caller.tid, call->entry_ns, of, true))
		return false;
	return true;
}

static bool data_there(const struct collector *c, const struct pvm_call *call)
{
	const uint32_t tid = call->caller.tid;

	if (call->flags & PVM_CALL_DATA &&
	    !arrays__find(c->arrays, tid, call->entry_ns, PVM_ARRAY_DATA, false))
		return false;
	return !(call->flags & PVM_CALL_DATA_MORE) ||
	       arrays__find(c->arrays, tid, call->entry_ns, PVM_ARRAY_DATA, true);
}

/* Likewise those of its regions. */
static bool regions_there(const struct collector *c, const struct pvm_call *call)
{
	if (call->look & PVM_LOOK_RING &&
	    !arrays__find(c->arrays, call->caller.tid, call->entry_ns, PVM_ARRAY_REGIONS,
			  call->look & PVM_LOOK_AT_EXIT))
		return false;
	return !(call->look & PVM_LOOK_AGAIN) ||
	       arrays__find(c->arrays, call->caller.tid, call->entry_ns, PVM_ARRAY_REGIONS, true);
}

/* Whether records of its own come ahead of the call's. */
static bool has_arrays(const struct pvm_call *call)
{
	return (call->local.flags | call->remote.flags) & PVM_SIDE_RING ||
	       call->flags & PVM_CALL_DATA || call->look & (PVM_LOOK_RING | PVM_LOOK_AGAIN);
}

static bool all_arrays_there(const struct collector *c, const struct pvm_call *call)
{
	return arrays_there(c, call, &call->local, PVM_ARRAY_LOCAL) &&
	       arrays_there(c, call, &call->remote, PVM_ARRAY_REMOTE) && data_there(c, call) &&
	       regions_there(c, call);
}

static void await_arrays(struct collector *c, const struct pvm_call *call)
{
	const struct timespec wait = { .tv_nsec = ARRAY_WAIT_NS };

	while (!all_arrays_there(c, call)) {
		if (!c->from.ops->take_arrays(c->from.ctx, call->exit_ns))
			return;
		if (!all_arrays_there(c, call))
			nanosleep(&wait, NULL);
	}
}

/* The books count each call once, by its last record. */
static bool is_last(const struct pvm_call *call)
{
	return call->phase != PVM_IN_FLIGHT;
}

/* A mark 'sent' in the kernel half can outlive what was sent: evicted here at the moment when it was set there.
 * Then it is taken back, at most so often that a flood of such calls costs nothing. */
static void remind_task(struct collector *c, const struct task_info *info)
{
	const struct pvm_task *task = info->task;

	if (!task)
		return;
	if (!info->exe && task->flags & PVM_TASK_EXE && c->reminders) {
		c->reminders--;
		c->from.ops->forget_proc(c->from.ctx, task->pid);
	}
	if (!info->cgroup && task->hier && c->reminders) {
		const struct pvm_cgroup_key key = { .id = task->cgroup_id, .hier = task->hier };

		c->reminders--;
		c->from.ops->forget_cgroup(c->from.ctx, &key);
	}
}

static void remind_relative(struct collector *c, const struct relative_info *r, uint64_t ancestry)
{
	if (!r || !r->lacks_exe || !c->reminders)
		return;
	c->reminders--;
	c->from.ops->forget_proc(c->from.ctx, r->pid);
	c->from.ops->forget_ancestry(c->from.ctx, ancestry);
}

static void remind_ancestry(struct collector *c, const struct ancestry_info *a, uint64_t id)
{
	if (!a && id && c->reminders) {
		c->reminders--;
		c->from.ops->forget_ancestry(c->from.ctx, id);
	}
	if (!a)
		return;
	for (size_t i = 0; i < a->cnt; i++)
		remind_relative(c, &a->ancestors[i], id);
	remind_relative(c, a->tracer, id);
}

static void remind_regions(struct collector *c, const struct regions_info *regions)
{
	for (uint32_t i = 0; regions->known && i < regions->cnt && c->reminders; i++) {
		const struct region_info *r = &regions->at[i];

		if (!r->raw->text || r->text)
			continue;
		c->reminders--;
		c->from.ops->forget_text(c->from.ctx, r->raw->text);
	}
}

void collector__touch_ancestry(struct collector *c, uint64_t id)
{
	remind_ancestry(c, identity__ancestry(c->identity, id), id);
}

static void touch_text(struct collector *c, uint64_t id)
{
	size_t len;

	if (!id || identity__text(c->identity, id, &len) || !c->reminders)
		return;
	c->reminders--;
	c->from.ops->forget_text(c->from.ctx, id);
}

void collector__touch_texts(struct collector *c, const struct pvm_call *call)
{
	struct pvm_region regions[PVM_REGIONS_MAX + 1];

	for (int again = 0; again < 2; again++) {
		int cnt = 0;

		if (call->look & (again ? PVM_LOOK_AGAIN : PVM_LOOK_TAKEN))
			cnt = regions__take(call, c->arrays, again, regions);
		for (int i = 0; i < cnt; i++)
			touch_text(c, regions[i].text);
	}
}

void collector__remind(struct collector *c, const struct call_info *call)
{
	remind_ancestry(c, call->ancestry[PVM_CALLER], call->raw->ancestry[PVM_CALLER]);
	remind_ancestry(c, call->ancestry[PVM_TARGET], call->raw->ancestry[PVM_TARGET]);
	remind_task(c, &call->caller);
	remind_task(c, &call->target);
	remind_task(c, &call->owner);
	remind_regions(c, &call->regions);
	remind_regions(c, &call->regions_exit);
}

bool collector__look_at_pages(struct collector *c)
{
	struct pin_key key;

	if (c->pages_lack || !c->from.ops->pin_key(c->from.ctx, &key) || !key.may_lack)
		return false;
	/* A replay is to say the same of what follows. */
	if (c->to.ops->keep(c->to.ctx, FRAME_KEY, &key, sizeof(key)))
		return false;
	collector__set_key(c, &key);
	return true;
}

void collector__look_at_pages_of(struct collector *c, const struct pvm_call *call)
{
	if (!(call->flags & PVM_CALL_PINS) || call->exit_ns < c->pages_looked_ns)
		return;
	c->pages_looked_ns = clock__boot_now(&c->clock);
	(void)collector__look_at_pages(c);
}

static int decode(struct collector *c, const struct raw_record *raw, struct call_info *out)
{
	return decode__call(c->decoder, raw->data, raw->size, c->arrays, c->identity, &c->clock,
			    out);
}

int collector__decode(struct collector *c, const struct raw_record *raw, struct call_info *out)
{
	int err = decode(c, raw, out);

	if (!err && out->confirmed == NO && collector__look_at_pages(c))
		err = decode(c, raw, out);
	return err;
}

enum verdict collector__judge(struct collector *c, struct call_info *call)
{
	call->rule = c->from.ops->judge(c->from.ctx, call);
	return call->rule && call->rule->action != RULE_DROP ? VERDICT_PASSES : VERDICT_FILTERED;
}

/* Counts calls for the rule that decided on them, if one did. */
static void count_rule(struct collector *c, const struct record *rec, enum fate fate,
		       uint64_t calls)
{
	const struct rule *rule = rec->call.rule;
	struct rule_counts *counts;

	if (!rule)
		return;
	counts = &c->rules[rule - c->options->rules];
	if (fate == FATE_FILTERED)
		counts->dropped += calls;
	else if (fate == FATE_SUMMARISED)
		counts->summarised += calls;
	else
		counts->told += calls;
}

/* Books a record. calls: for how many rec is the last record, none if it is of a call that is still inside. */
static void book_told(struct collector *c, const struct raw_record *raw, const struct record *rec,
		      uint64_t calls)
{
	struct books_user *b = &c->books;

	if (rec->type == REC_SUMMARY) {
		told__summary(&c->told, raw->data);
		books__book(b, FATE_SUMMARISED, calls);
		count_rule(c, rec, FATE_SUMMARISED, calls);
		return;
	}
	if (calls)
		told__call(&c->told, raw->data, raw->size);
	count_rule(c, rec, FATE_EMITTED, calls);
	books__book(b, calls ? FATE_EMITTED : FATE_IN_FLIGHT, calls ? calls : 1);
	c->last_call_ns = rec->real_ns;
	if (c->options->count && b->emitted + b->in_flight_emitted >= c->options->count)
		c->full = true;
}

void collector__take_back(struct collector *c, uint64_t calls,
			  const struct rule_counts rules[RULES_MAX])
{
	books__take_back(&c->books, calls);
	for (size_t i = 0; i < RULES_MAX; i++) {
		c->rules[i].told -= rules[i].told;
		c->rules[i].summarised -= rules[i].summarised;
	}
}

/* Tells a record that was judged, and books its calls. Of a summary that finds no room nothing is lost: it comes again. */
static int settle(struct collector *c, const struct raw_record *raw, struct record *rec,
		  enum verdict verdict, uint64_t calls)
{
	int err;

	if (verdict == VERDICT_NONSENSE) {
		books__book(&c->books, FATE_LOST_DECODE, calls);
		return 0;
	}
	if (verdict == VERDICT_FILTERED || c->full) {
		books__book(&c->books, FATE_FILTERED, calls);
		if (verdict == VERDICT_FILTERED)
			count_rule(c, rec, FATE_FILTERED, calls);
		return 0;
	}
	err = c->to.ops->put(c->to.ctx, raw, rec, calls);
	if (!err)
		book_told(c, raw, rec, calls);
	else if (rec->type == REC_CALL)
		books__book(&c->books, FATE_LOST_OUTPUT, calls);
	return err;
}

static int on_call(struct collector *c, const struct raw_record *raw)
{
	const struct pvm_call *call = raw->data;
	bool whole = raw->size >= sizeof(*call), last = !whole || is_last(call), arrays = false;
	struct record rec; /* large: what is not told has no need of zeroes */
	int err;

	rec.type = REC_CALL;
	rec.real_ns = 0;
	rec.call.rule = NULL;
	if (whole) {
		c->from.ops->settle_clock(c->from.ctx, call->entry_ns);
		rec.real_ns = clock__real_of(&c->clock, call->entry_ns);
		arrays = has_arrays(call);
	}
	if (arrays)
		await_arrays(c, call);
	err = settle(c, raw, &rec, c->to.ops->judge(c->to.ctx, raw, &rec), last);
	if (arrays && last)
		arrays__drop(c->arrays, call->caller.tid, call->entry_ns);
	return err;
}

/* It is told whatever the filters say, as it is about the tracer. */
static int on_opened(struct collector *c, const struct raw_record *raw)
{
	const struct pvm_opened *opened = raw->data;
	struct record rec = { .type = REC_TAMPER };
	int err;

	if (raw->size < sizeof(*opened))
		return -EBADMSG;
	c->from.ops->settle_clock(c->from.ctx, opened->at_ns);
	err = decode__opened(c->decoder, raw->data, raw->size, c->identity, &c->clock, &rec.tamper);
	if (err)
		return err;
	rec.real_ns = clock__real_of(&c->clock, opened->at_ns);
	return c->to.ops->put(c->to.ctx, raw, &rec, 0);
}

int collector__on_summary(void *ctx, void *data, size_t size)
{
	const struct raw_record raw = { data, size };
	struct record rec = { .type = REC_SUMMARY };
	const struct pvm_summary *sum = data;
	struct collector *c = ctx;

	if (!collector__room(c))
		return -EAGAIN;
	if (size >= sizeof(*sum))
		c->from.ops->settle_clock(c->from.ctx, sum->tally.last_ns);
	if (decode__summary(c->decoder, data, size, c->identity, &c->clock, &rec.summary))
		return settle(c, &raw, &rec, VERDICT_NONSENSE,
			      size == sizeof(*sum) ? sum->tally.calls : 1);
	rec.real_ns = rec.summary.last_ns;
	return settle(c, &raw, &rec, collector__judge(c, &rec.summary.call), rec.summary.calls);
}

int collector__learn(struct collector *c, const struct raw_record *raw)
{
	if (decode__type(raw->data, raw->size) == PVM_ARGS)
		return identity__put_args(c->identity, raw->data, raw->size);
	if (decode__type(raw->data, raw->size) == PVM_ANCESTRY)
		return identity__put_ancestry(c->identity, raw->data, raw->size);
	return identity__put_path(c->identity, raw->data, raw->size);
}

/* A cgroup's path arrived: from now on its calls are filtered by our verdict. */
static void judge_cgroup(struct collector *c, const struct pvm_path *path)
{
	struct pvm_cgroup_key key = { .id = path->id, .hier = path->hier };
	struct pvm_cgroup_val val = {};
	struct judge_place place = {};

	if (!(judge__needed(c->options, PVM_CALLER) || judge__needed(c->options, PVM_TARGET)))
		return;
	place.path = identity__cgroup(c->identity, key.id, path->hier, &place.len, &place.cut);
	if (!place.path)
		return;
	for (int who = 0; who < 2; who++) {
		val.decided |= 1u << who;
		for (int home = 0; home < PVM_HOME_CNT; home++) {
			place.home = (enum pvm_home)home;
			val.left[who][home] = judge__cgroup(c->options, (enum pvm_who)who, &place);
		}
	}
	c->from.ops->judge_cgroup(c->from.ctx, &key, &val);
}

static int take(struct collector *c, const struct raw_record *raw)
{
	int type = decode__type(raw->data, raw->size), err;

	switch (type) {
	case PVM_CALL:
		return on_call(c, raw);
	case PVM_SUMMARY: /* of a recording */
		return collector__on_summary(c, (void *)raw->data, raw->size);
	case PVM_EXE:
	case PVM_ARGS:
	case PVM_ANCESTRY:
	case PVM_MAPPED:
	case PVM_LABEL:
		return c->to.ops->identity(c->to.ctx, raw);
	case PVM_CGROUP:
		err = c->to.ops->identity(c->to.ctx, raw);
		if (!err)
			judge_cgroup(c, raw->data);
		return err;
	case PVM_OPENED:
		return on_opened(c, raw);
	case PVM_SELF_TEST:
		c->from.ops->self_test(c->from.ctx, raw->data, raw->size);
		return 0;
	default:
		log__debug("a record of unknown type %d", type);
		return 0;
	}
}

int collector__on_call(void *ctx, void *data, size_t size)
{
	const struct raw_record raw = { data, size };
	struct collector *c = ctx;
	int err = take(c, &raw);

	if (err)
		log__debug("a record was not taken: %s", strerror(-err));
	if (++c->batch >= BATCH || !collector__room(c))
		return -EAGAIN;
	return 0;
}

int collector__on_array(void *ctx, void *data, size_t size)
{
	struct collector *c = ctx;
	int err = arrays__put(c->arrays, data, size);

	if (!err)
		err = c->to.ops->keep(c->to.ctx, FRAME_ARRAY, data, size);
	if (err)
		log__debug("an array was not taken: %s", strerror(-err));
	c->batch++;
	c->array_bytes += size;
	return c->array_bytes < c->options->array_ring_bytes ? 0 : -EAGAIN;
}

bool collector__room(struct collector *c)
{
	return c->to.ops->room(c->to.ctx);
}

int collector__flush(struct collector *c)
{
	return c->to.ops->flush(c->to.ctx);
}

void collector__tick(struct collector *c)
{
	c->reminders = REMINDERS;
	clock__check(&c->clock);
	collector__record_clock(c);
}
