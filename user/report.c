/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "version.h"

#define LIBBPF_SZ 32

/* The first ones always; all of them with hooks on the calls' own functions. */
static const char *const unseen[] = {
	("calls that a SECCOMP_RET_KILL_THREAD filter, seccomp's strict mode or, on older kernels, "
	 "SECCOMP_RET_KILL_PROCESS ends without reaching a hook"),
	"other ways to another process's memory: ptrace, /proc/PID/mem, shared memory",
	"calls that seccomp refuses or a ptracer takes over: they do not come to the hooked function",
	"calls that were running when the hooks were attached",
	("attempts by numbers that the kernel does not carry out: x32's where it has none, on older "
	 "kernels those with bits set above the low 32"),
};
#define UNSEEN_ALWAYS 2
#define UNSEEN_CNT (sizeof(unseen) / sizeof(unseen[0]))

const char *const *report__unseen(bool fentry, size_t *cnt)
{
	*cnt = fentry ? UNSEEN_CNT : UNSEEN_ALWAYS;
	return unseen;
}

void report__note(struct report *r, const char *note)
{
	if (r->note_cnt < sizeof(r->notes) / sizeof(r->notes[0]))
		r->notes[r->note_cnt++] = note;
}

static struct books_user user_counts(const struct report *r)
{
	const struct collector *c = r->collector;

	return (struct books_user){
		.emitted = c->emitted,
		.summarised = c->summarised,
		.in_flight_emitted = c->in_flight_emitted,
		.filtered = c->filtered,
		.lost_output = c->lost_output,
		.lost_decode = c->lost_decode,
		.lost_unswept = r->lost_unswept,
		.identity_evicted = identity__evicted(c->identity),
		.arrays_evicted = arrays__evicted(c->arrays),
		.skipped_runs = c->tracer ? tracer__skipped_runs(c->tracer) : 0,
	};
}

/* The recording's counters, but what became of its calls in this run. */
static void replayed_books(const struct report *r, struct books *b)
{
	struct books_user user = user_counts(r);
	const struct books_user *then = &r->recorded->user;

	user.filtered += then->filtered;
	user.lost_output += then->lost_output;
	user.lost_decode += then->lost_decode;
	user.lost_unswept += then->lost_unswept;
	user.skipped_runs = then->skipped_runs;
	books__fill(b, &r->recorded->kernel, &user);
}

void report__books(struct report *r, struct books *b)
{
	struct books_user user;
	struct pvm_counts kernel;

	if (r->recorded) {
		replayed_books(r, b);
		return;
	}
	user = user_counts(r);
	memset(&kernel, 0, sizeof(kernel));
	if (r->collector->tracer)
		tracer__counts(r->collector->tracer, &kernel);
	books__fill(b, &kernel, &user);
}

static void copy_text(char *to, size_t size, const char *from)
{
	if (from)
		memcpy(to, from, strnlen(from, size - 1));
}

/* Into the recording too, if there is one. */
static int tell(struct report *r, struct record *rec)
{
	struct collector *c = r->collector;
	struct frame_books frame = { .type = rec->type, .real_ns = rec->real_ns };
	int err = collector__tell(c, rec);

	if (err || !c->recorder)
		return err;
	tracer__counts(c->tracer, &frame.kernel);
	frame.user = user_counts(r);
	if (rec->type == REC_ERROR) {
		frame.since_ns = rec->error.since_ns;
		frame.until_ns = rec->error.until_ns;
		copy_text(frame.text, sizeof(frame.text), rec->error.code);
		copy_text(frame.message, sizeof(frame.message), rec->error.message);
	} else if (rec->type == REC_LOST) {
		frame.since_ns = rec->lost.since_ns;
	} else if (rec->type == REC_STOP) {
		copy_text(frame.text, sizeof(frame.text), rec->stop.reason);
		copy_text(frame.signal, sizeof(frame.signal), rec->stop.signal);
	}
	/* No room: the recording goes without it, as it would if it were cut here. */
	if (!recorder__put(c->recorder, FRAME_TOLD, &rec->told_ns, sizeof(rec->told_ns), 0))
		(void)recorder__put(c->recorder, FRAME_BOOKS, &frame, sizeof(frame), 0);
	return 0;
}

/* One moment by two clocks. A recording knows only the one. */
struct moment {
	uint64_t real_ns, boot_ns;
};

static struct moment replayed_moment(uint64_t real_ns)
{
	return (struct moment){ real_ns, real_ns };
}

/* Dated as calls are, by an offset that only a step changes: so two records have the same date for the same moment. */
static struct moment live_moment(const struct report *r)
{
	struct clock_base *clock = &r->collector->clock;
	uint64_t boot_ns = clock__boot_now(clock);

	clock__check(clock);
	return (struct moment){ clock__real_of(clock, boot_ns), boot_ns };
}

/* When a record is told: now, or when it was. */
static struct moment told_at(const struct report *r)
{
	return r->recorded ? replayed_moment(r->recorded->real_ns) : live_moment(r);
}

/* Another moment, as far from the first one as it really was. 0 stays 0: there is none. */
static uint64_t date_by(const struct moment *now, uint64_t boot_ns)
{
	return boot_ns ? now->real_ns - (now->boot_ns - boot_ns) : 0;
}

static void libbpf_text(char out[LIBBPF_SZ])
{
	snprintf(out, LIBBPF_SZ, "%u.%u", libbpf_major_version(), libbpf_minor_version());
}

static struct confirm_info confirms(const struct report *r)
{
	const struct recording_header *h = r->recording;

	if (!h)
		return tracer__confirms(r->collector->tracer);
	return (struct confirm_info){
		.target = h->confirms & RECORDING_TARGET,
		.pages = h->confirms & RECORDING_FEXIT	  ? "fexit"
			 : h->confirms & RECORDING_KPROBE ? "kprobe"
							  : NULL,
	};
}

int report__start(struct report *r)
{
	struct collector *c = r->collector;
	char libbpf[LIBBPF_SZ];
	bool fentry = r->recording ? r->recording->fentry : tracer__fentry(c->tracer);
	struct books b;
	struct moment now = r->recording ? replayed_moment(r->recording->real_ns) : live_moment(r);
	struct record rec = { .type = REC_START, .real_ns = now.real_ns };

	libbpf_text(libbpf);
	report__books(r, &b);
	r->told = b;
	r->told_ns = now.boot_ns;
	r->start_ns = rec.real_ns;
	rec.start = (struct start_info){
		.version = PVMTRACE_VERSION,
		.libbpf = libbpf,
		.attach = fentry ? "fentry" : "tracepoint",
		.resolve = r->recording ? r->recording->resolve : tracer__resolve(c->tracer),
		.confirms = confirms(r),
		.witnesses = witness_info__of(r->recording ? r->recording->witnesses
							   : tracer__witness(c->tracer, NULL)),
		.audit = r->recording ? r->recording->confirms & RECORDING_AUDIT : r->audit,
		.abis = r->abis,
		.abi_cnt = r->abi_cnt,
		.notes = r->notes,
		.note_cnt = r->note_cnt,
		.options = c->options,
		.counters = b.counters,
		.counter_cnt = b.cnt,
		.pid = r->recording ? r->recording->pid : tracer__host_pid(c->tracer),
		.user = r->recording ? r->recording->user : r->user,
		.instance = c->run_id,
	};
	rec.start.unseen = report__unseen(fentry, &rec.start.unseen_cnt);
	return collector__tell(c, &rec);
}

static struct stats_info stats_of(const struct books *b)
{
	return (struct stats_info){
		.counters = b->counters,
		.counter_cnt = b->cnt,
		.in_flight = b->in_flight,
	};
}

int report__stats(struct report *r)
{
	struct record rec = { .type = REC_STATS, .real_ns = told_at(r).real_ns };
	struct books b;

	report__books(r, &b);
	rec.stats = stats_of(&b);
	return tell(r, &rec);
}

/* The last `lost` record, or the start. A recording says when that was by the clock of this one. */
static uint64_t lost_since(const struct report *r, const struct moment *now)
{
	if (r->recorded && r->recorded->since_ns)
		return r->recorded->since_ns;
	return date_by(now, r->told_ns);
}

int report__lost(struct report *r)
{
	struct moment now = told_at(r);
	struct record rec = { .type = REC_LOST, .real_ns = now.real_ns };
	struct counter by[BOOKS_CAUSES];
	struct books b;
	int err;

	report__books(r, &b);
	if (b.lost == r->told.lost)
		return 0;
	for (size_t i = 0; i < b.cause_cnt; i++)
		by[i] = (struct counter){
			.name = b.causes[i].name,
			.value = b.causes[i].value - r->told.causes[i].value,
		};
	rec.lost = (struct lost_info){
		.count = b.lost - r->told.lost,
		.by = by,
		.by_cnt = b.cause_cnt,
		.since_ns = lost_since(r, &now),
		.until_ns = rec.real_ns,
	};
	err = tell(r, &rec);
	if (!err) {
		r->told = b;
		r->told_ns = now.boot_ns;
		r->lost_records++;
	}
	return err;
}

/* Errors that cost no call, or whose calls are counted as lost: all others are taken to. */
static const char *const harmless[] = { "audit_back",	   "confirms_back", "confirms_silent",
					"hooks_back",	   "output_access", "output_failing",
					"rotation_failed", "target_gone",   "caller_gone" };

void report__doubt(struct report *r, const char *reason)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (!strcmp(reason, harmless[i]))
			return;
	books__doubt(&r->doubts, reason);
}

int report__error_span(struct report *r, const char *code, const char *message, uint64_t since_ns,
		       uint64_t until_ns)
{
	struct moment now = told_at(r);
	struct record rec = { .type = REC_ERROR, .real_ns = now.real_ns };

	report__doubt(r, code);
	rec.error = (struct error_info){
		.code = code,
		.message = message,
		.since_ns = date_by(&now, since_ns),
		.until_ns = date_by(&now, until_ns),
	};
	return tell(r, &rec);
}

int report__error(struct report *r, const char *code, const char *message, uint64_t since_ns)
{
	return report__error_span(r, code, message, since_ns, 0);
}

int report__stop(struct report *r, const char *reason, const char *signal, bool *complete)
{
	struct record rec = { .type = REC_STOP, .real_ns = told_at(r).real_ns };
	const char *incomplete[BOOKS_REASONS];
	struct books b;
	size_t cnt;

	report__books(r, &b);
	cnt = books__incomplete(&b, &r->doubts, incomplete);
	rec.stop = (struct stop_info){
		.reason = reason,
		.signal = signal,
		.stats = stats_of(&b),
		.balanced = books__balanced(&b),
		.complete = !cnt,
		.incomplete = incomplete,
		.incomplete_cnt = cnt,
	};
	*complete = rec.stop.complete;
	return tell(r, &rec);
}

void report__metrics(struct report *r, struct metrics *m, bool running)
{
	const struct collector *c = r->collector;
	char libbpf[LIBBPF_SZ];
	struct books b;
	struct metrics_info info = {
		.version = PVMTRACE_VERSION,
		.libbpf = libbpf,
		.attach = tracer__fentry(c->tracer) ? "fentry" : "tracepoint",
		.resolve = tracer__resolve(c->tracer),
		.books = &b,
		.start_ns = r->start_ns,
		.last_call_ns = c->last_call_ns,
		.ring_bytes = c->options->ring_bytes,
		.array_ring_bytes = c->options->array_ring_bytes,
		.alive = { tracer__alive(c->tracer, PVM_CALLER),
			   tracer__alive(c->tracer, PVM_TARGET) },
		.running = running,
	};

	if (!m->path)
		return;
	libbpf_text(libbpf);
	report__books(r, &b);
	(void)metrics__write(m, &info);
}

int report__again(struct report *r, const struct frame_books *books)
{
	bool complete;

	r->recorded = books;
	switch (books->type) {
	case REC_STATS:
		return report__stats(r);
	case REC_LOST:
		return report__lost(r);
	case REC_ERROR:
		return report__error_span(r, books->text, books->message, books->since_ns,
					  books->until_ns);
	case REC_STOP:
		return report__stop(r, books->text, books->signal[0] ? books->signal : NULL,
				    &complete);
	default:
		return 0;
	}
}
