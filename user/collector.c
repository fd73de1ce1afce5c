/* SPDX-License-Identifier: Apache-2.0 */
#include "collector.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "event/judge.h"
#include "base/log.h"
#include "output/terminal.h"

/* Half of what the kernel half has room for: the collector evicts first, and tells. */
#define PROC_MAX 8192
#define CGROUP_MAX 4096
#define BYTES_MAX (8u << 20)
#define HELD_MAX (8u << 20)
/* Marks taken back at most between two ticks. */
#define REMINDERS 64
/* Records between two looks at signals and timers: well under a millisecond's work. */
#define BATCH 512
/* A snapshot is submitted before its call, but its ring may be held up behind a writer that was
 * interrupted. It is waited for until the call ended this long ago: what is older is not coming (it was evicted),
 * and a flood of such calls must not stop the reader. */
#define ARRAY_AGE_NS (5 * 1000000ULL)
#define ARRAY_WAIT_NS 100000L

static void forget_proc(void *ctx, uint32_t pid)
{
	tracer__forget_proc(ctx, pid);
}

static void forget_cgroup(void *ctx, const struct pvm_cgroup_key *key)
{
	tracer__forget_cgroup(ctx, key);
}

static void make_run_id(char *out, size_t size)
{
	uint64_t id;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		id = clock__real_now();
	snprintf(out, size, "%016llx", (unsigned long long)id);
}

int collector__open(struct collector *c, const struct options *o)
{
	struct identity_opts id = {
		.proc_max = PROC_MAX,
		.cgroup_max = CGROUP_MAX,
		.bytes_max = BYTES_MAX,
		.on_evict_proc = c->tracer ? forget_proc : NULL,
		.on_evict_cgroup = c->tracer ? forget_cgroup : NULL,
		.ctx = c->tracer,
	};
	int err;

	c->options = o;
	c->renderer = renderer__new(o->format);
	c->render_opts = (struct render_opts){ .iov_limit = o->iov_limit,
					       .max_line = o->max_line,
					       .args = o->verbose > 0 };
	if (!o->output) {
		c->render_opts.width = terminal__width(STDOUT_FILENO);
		c->render_opts.color = terminal__color(STDOUT_FILENO);
	}
	if (c->source) {
		c->host = c->source->host;
		memcpy(c->run_id, c->source->run_id, sizeof(c->run_id) - 1);
	} else {
		err = host__read(&c->host, o->host_name, o->machine_id);
		if (!err)
			err = clock__open(&c->clock);
		if (err)
			return err;
		make_run_id(c->run_id, sizeof(c->run_id));
	}
	memcpy(id.boot_id, c->host.boot_id, sizeof(id.boot_id));
	json__init(&c->json);
	c->decoder = decoder__new(c->run_id);
	c->arrays = arrays__new(HELD_MAX);
	c->identity = identity__new(&id);
	if (!c->renderer || !c->decoder || !c->arrays || !c->identity ||
	    !json__reserve(&c->json, o->max_line)) {
		log__error("out of memory");
		return EX_SOFTWARE;
	}
	return 0;
}

uint64_t collector__bytes(const struct options *o)
{
	uint64_t buffer = 4ULL * o->max_line > SINK_BUFFER ? 4ULL * o->max_line : SINK_BUFFER;

	/* A fourth of the buffer is for its marks; a line is rendered twice at most. */
	return buffer + buffer / 4 + 2ULL * o->max_line + BYTES_MAX + HELD_MAX;
}

void collector__set_key(struct collector *c, const struct pin_key *key)
{
	decoder__set_key(c->decoder, key);
}

void collector__close(struct collector *c)
{
	renderer__free(c->renderer);
	identity__free(c->identity);
	arrays__free(c->arrays);
	decoder__free(c->decoder);
	json__free(&c->json);
}

void collector__record_clock(struct collector *c)
{
	const struct clock_base *clock = &c->clock;

	while (c->recorder && c->clock_recorded < clock->total) {
		uint64_t left = clock->total - c->clock_recorded;
		const struct clock_step *step =
			&clock->steps[left < clock->cnt ? clock->cnt - left : 0];
		const struct frame_clock frame = { step->after_ns, step->to_real };

		if (recorder__put(c->recorder, FRAME_CLOCK, &frame, sizeof(frame), 0))
			return;
		c->clock_recorded++;
	}
}

void collector__look_at_host(struct collector *c)
{
	char name[HOST_NAME_SZ] = "";

	if (c->options->host_name || !host__name_changed(&c->host, name))
		return;
	/* No room: it is read once more the next time. */
	if (c->recorder && recorder__put(c->recorder, FRAME_HOST, name, sizeof(name), 0))
		return;
	memcpy(c->host.name, name, sizeof(name));
	log__info("this host has another name now");
}

/* Before a moment is dated: if the clock was set since the last look, or may have been, that is known then, and the
 * date is settled: a call has the same one in both of its records. */
static void settle_clock(struct collector *c, uint64_t boot_ns)
{
	if (c->replay)
		return;
	if (boot_ns > c->clock.checked_ns)
		clock__check(&c->clock);
	collector__record_clock(c);
}

/* The next record to be told: now, or, so that every replay gives the same lines, when it was recorded. */
static void stamp(const struct collector *c, struct record *rec)
{
	rec->host = &c->host;
	rec->run = c->run_id;
	rec->seq = c->seq + 1;
	rec->told_ns = c->replay ? c->told_ns : clock__real_now();
}

void collector__on_new_file(void *ctx, const char *reason)
{
	if (collector__tell_reopen(ctx, reason))
		log__error("out of memory");
}

/* Turns to a new file between two lines, if nothing is pending, so that `reopen` has its place in the order. */
static void turn_file(struct collector *c)
{
	if (sink__turn_due(c->sink) && !sink__flush(c->sink) && sink__turn_due(c->sink) &&
	    !sink__turn(c->sink))
		collector__on_new_file(c, "size");
}

/* Renders into the line buffer and copies the line to the sink: one copy of 2 KB keeps the writer and the
 * sink apart. */
static int put_line(struct collector *c, struct record *rec, uint64_t weight)
{
	char *to;
	int err;

	turn_file(c);
	to = sink__reserve(c->sink);
	if (!to)
		return -EAGAIN;
	stamp(c, rec);
	err = renderer__render(c->renderer, rec, &c->render_opts, &c->json);
	if (err)
		return err;
	memcpy(to, c->json.buf, c->json.len);
	sink__commit(c->sink, c->json.len, weight);
	return 0;
}

int collector__tell(struct collector *c, struct record *rec)
{
	int err;

	err = put_line(c, rec, 0);
	if (!err)
		c->seq++;
	return err;
}

int collector__tell_reopen(struct collector *c, const char *reason)
{
	struct record rec = {
		.type = REC_REOPEN,
		.real_ns = clock__real_now(),
		.reopen = { .instance = c->run_id, .reason = reason },
	};
	int err;

	stamp(c, &rec);
	err = renderer__render(c->renderer, &rec, &c->render_opts, &c->json);
	if (!err)
		err = sink__put_first(c->sink, c->json.buf, c->json.len);
	if (!err)
		c->seq++;
	return err;
}

/* Whether the snapshots that the call's record speaks of have arrived. */
static bool arrays_there(const struct collector *c, const struct pvm_call *call,
			 const struct pvm_side *side, bool remote)
{
	if (!(side->flags & PVM_SIDE_RING))
		return true;
	if ((side->flags & PVM_SIDE_ENTRY) && side->entry_ok &&
	    !arrays__find(c->arrays, call->caller.tid, call->entry_ns, remote, false))
		return false;
	if (phase_has_exit(call->phase) && (side->flags & PVM_SIDE_EXIT) && side->exit_ok &&
	    !arrays__find(c->arrays, call->caller.tid, call->entry_ns, remote, true))
		return false;
	return true;
}

static void take_arrays(struct collector *c)
{
	c->array_bytes = 0;
	tracer__consume_arrays(c->tracer);
}

static void await_arrays(struct collector *c, const struct pvm_call *call)
{
	const struct timespec wait = { .tv_nsec = ARRAY_WAIT_NS };

	while (!arrays_there(c, call, &call->local, false) ||
	       !arrays_there(c, call, &call->remote, true)) {
		if (c->replay)
			return; /* they stand before their call, or nowhere */
		take_arrays(c);
		if (clock__boot_now(&c->clock) > call->exit_ns + ARRAY_AGE_NS)
			return;
		if (!arrays_there(c, call, &call->local, false) ||
		    !arrays_there(c, call, &call->remote, true))
			nanosleep(&wait, NULL);
	}
}

/* The part of the filters that the kernel half left to us; all of them where there was none. */
static bool passes(struct collector *c, const struct call_info *call)
{
	if (c->replay)
		return judge__call(c->options, call);
	return judge__left_open(c->options, call);
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
	const struct pvm_cgroup_key key = { .id = task ? task->cgroup_id : 0,
					    .hier = task ? task->hier : 0 };

	if (!task || !c->reminders)
		return;
	if (!info->exe && task->flags & PVM_TASK_EXE) {
		c->reminders--;
		tracer__forget_proc(c->tracer, task->pid);
	}
	if (!info->cgroup && task->hier) {
		c->reminders--;
		tracer__forget_cgroup(c->tracer, &key);
	}
}

static void remind(struct collector *c, const struct call_info *call)
{
	remind_task(c, &call->caller);
	remind_task(c, &call->target);
	remind_task(c, &call->owner);
}

static bool has_arrays(const void *data, size_t size)
{
	const struct pvm_call *raw = data;

	return size >= sizeof(*raw) && (raw->local.flags | raw->remote.flags) & PVM_SIDE_RING;
}

/* Puts a call or a summary into the recording, which is when it is told. calls: as recorder__put. */
static int put_recorded(struct collector *c, const void *data, size_t size, uint64_t calls)
{
	uint64_t told_ns = clock__real_now();
	int err = recorder__put(c->recorder, FRAME_TOLD, &told_ns, sizeof(told_ns), 0);

	return err ? err : recorder__put(c->recorder, FRAME_CALL, data, size, calls);
}

/* What the kernel half left to us is judged before it is recorded: a filter is also a promise of what is not kept. */
static bool record_wants(struct collector *c, const void *data, size_t size)
{
	const struct pvm_call *raw = data;
	struct call_info call;

	if (size < sizeof(*raw) ||
	    !((raw->caller.flags | raw->target.flags | raw->owner.flags) & PVM_TASK_CGROUP_WAIT))
		return true;
	return decode__call(c->decoder, data, size, c->arrays, c->identity, &c->clock, &call) ||
	       passes(c, &call);
}

/* Instead of rendering it. Its arrays are in the file before it. */
static int record_call(struct collector *c, const void *data, size_t size)
{
	const struct pvm_call *raw = data;
	bool last = size >= sizeof(*raw) && is_last(raw);
	int err;

	if (size >= sizeof(*raw))
		settle_clock(c, raw->entry_ns);
	if (has_arrays(data, size)) {
		await_arrays(c, raw);
		if (last)
			arrays__drop(c->arrays, raw->caller.tid, raw->entry_ns);
	}
	if (c->full || !record_wants(c, data, size)) {
		c->filtered += last;
		return 0;
	}
	err = put_recorded(c, data, size, last);
	if (err)
		c->lost_output += last;
	else if (last)
		c->emitted++;
	else
		c->in_flight_emitted++;
	if (!err && size >= sizeof(*raw))
		c->last_call_ns = clock__real_of(&c->clock, raw->entry_ns);
	if (c->options->count && c->emitted + c->in_flight_emitted >= c->options->count)
		c->full = true;
	return err;
}

static int on_call(struct collector *c, const void *data, size_t size)
{
	const struct pvm_call *raw = data;
	struct record rec = { .type = REC_CALL };
	int err;

	if (size >= sizeof(*raw))
		settle_clock(c, raw->entry_ns);
	if (has_arrays(data, size))
		await_arrays(c, raw);
	err = decode__call(c->decoder, data, size, c->arrays, c->identity, &c->clock, &rec.call);
	if (err) {
		/* The books are about last records. */
		c->lost_decode += size < sizeof(*raw) || is_last(raw);
		return 0;
	}
	if (c->tracer)
		remind(c, &rec.call);
	if (c->full || !passes(c, &rec.call)) {
		c->filtered += is_last(raw);
		goto out;
	}
	rec.real_ns = clock__real_of(&c->clock, raw->entry_ns);
	err = put_line(c, &rec, is_last(raw));
	if (err) {
		c->lost_output += is_last(raw);
		goto out;
	}
	c->seq++;
	c->last_call_ns = rec.real_ns;
	if (is_last(raw))
		c->emitted++;
	else
		c->in_flight_emitted++;
	if (c->options->count && c->emitted + c->in_flight_emitted >= c->options->count)
		c->full = true;
out:
	if (is_last(raw) && has_arrays(data, size))
		arrays__drop(c->arrays, raw->caller.tid, raw->entry_ns);
	return err;
}

/* Instead of rendering it. */
static int record_summary(struct collector *c, const void *data, size_t size, uint64_t calls)
{
	int err = put_recorded(c, data, size, calls);

	if (!err)
		c->summarised += calls;
	return err;
}

int collector__on_summary(void *ctx, void *data, size_t size)
{
	struct record rec = { .type = REC_SUMMARY };
	const struct pvm_summary *sum = data;
	struct collector *c = ctx;
	uint64_t calls;
	int err;

	if (!collector__room(c))
		return -EAGAIN;
	if (size >= sizeof(*sum))
		settle_clock(c, sum->tally.last_ns);
	err = decode__summary(c->decoder, data, size, c->identity, &c->clock, &rec.summary);
	if (err) {
		c->lost_decode += size == sizeof(*sum) ? sum->tally.calls : 1;
		return 0;
	}
	calls = rec.summary.calls;
	if (c->full || !passes(c, &rec.summary.call)) {
		c->filtered += calls;
		return 0;
	}
	if (c->recorder)
		return record_summary(c, data, size, calls);
	rec.real_ns = rec.summary.last_ns;
	err = put_line(c, &rec, calls);
	if (err)
		return err;
	c->seq++;
	c->summarised += calls;
	return 0;
}

void collector__take_back(struct collector *c, uint64_t calls)
{
	uint64_t events = calls < c->emitted ? calls : c->emitted;

	c->emitted -= events;
	c->summarised -= calls - events;
	c->lost_output += calls;
}

/* A cgroup's path arrived: from now on the kernel half filters by our verdict. */
static int on_cgroup(struct collector *c, const void *data, size_t size)
{
	const struct pvm_path *path = data;
	struct pvm_cgroup_val val = {};
	struct pvm_cgroup_key key = {};
	struct judge_place place = {};
	int err = identity__put_path(c->identity, data, size);

	if (c->replay || err ||
	    !(judge__needed(c->options, PVM_CALLER) || judge__needed(c->options, PVM_TARGET)))
		return err;
	key.id = path->id;
	key.hier = path->hier;
	place.path = identity__cgroup(c->identity, key.id, path->hier, &place.len, &place.cut);
	if (!place.path)
		return 0;
	for (int who = 0; who < 2; who++) {
		val.decided |= 1u << who;
		for (int home = 0; home < PVM_HOME_CNT; home++) {
			place.home = (enum pvm_home)home;
			if (judge__cgroup(c->options, (enum pvm_who)who, &place))
				val.pass |= PVM_PASS_BIT(who, home);
		}
	}
	tracer__judge_cgroup(c->tracer, &key, &val);
	return 0;
}

/* What is not a call: identities, which are also recorded, and the self-test. */
static int on_other(struct collector *c, int type, const void *data, size_t size)
{
	if (c->recorder && type != PVM_SELF_TEST) {
		int err = recorder__put(c->recorder, FRAME_CALL, data, size, 0);

		if (err || type != PVM_CGROUP)
			return err;
	}
	switch (type) {
	case PVM_SUMMARY: /* of a recording */
		return collector__on_summary(c, (void *)data, size);
	case PVM_EXE:
		return identity__put_path(c->identity, data, size);
	case PVM_ARGS:
		return identity__put_args(c->identity, data, size);
	case PVM_CGROUP:
		return on_cgroup(c, data, size);
	case PVM_SELF_TEST:
		if (c->tracer)
			tracer__self_test_seen(c->tracer, data, size);
		return 0;
	default:
		log__debug("a record of unknown type %d", type);
		return 0;
	}
}

int collector__on_call(void *ctx, void *data, size_t size)
{
	struct collector *c = ctx;
	int type = decode__type(data, size), err;

	if (type != PVM_CALL)
		err = on_other(c, type, data, size);
	else if (c->recorder)
		err = record_call(c, data, size);
	else
		err = on_call(c, data, size);
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

	if (!err && c->recorder)
		err = recorder__put(c->recorder, FRAME_ARRAY, data, size, 0);
	if (err)
		log__debug("an array was not taken: %s", strerror(-err));
	c->batch++;
	c->array_bytes += size;
	return c->array_bytes < c->options->array_ring_bytes ? 0 : -EAGAIN;
}

bool collector__room(struct collector *c)
{
	return sink__reserve(c->sink) && (!c->recorder || recorder__room(c->recorder));
}

int collector__flush(struct collector *c)
{
	int err = c->recorder ? recorder__flush(c->recorder) : 0;
	int sink_err = sink__flush(c->sink);

	/* A window can be drawn to another size. */
	if (c->render_opts.width)
		c->render_opts.width = terminal__width(STDOUT_FILENO);
	return sink_err ? sink_err : err;
}

void collector__tick(struct collector *c)
{
	c->reminders = REMINDERS;
	clock__check(&c->clock);
	collector__record_clock(c);
}

int collector__drain(struct collector *c, bool *got)
{
	struct pvm_shared *shared = tracer__shared(c->tracer);
	int n;

	if (shared->arrays_high) {
		shared->arrays_high = 0;
		take_arrays(c);
	}
	c->batch = 0;
	n = tracer__consume_calls(c->tracer);
	tracer__apply(c->tracer);
	*got = c->batch > 0;
	return n < 0 ? n : 0;
}
