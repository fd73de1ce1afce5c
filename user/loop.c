/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "bpf/control.h"
#include "to_lines.h"

/* A tick is a second: losses are told within two, calls still inside are looked for, our own hooks are tried. */
#define TICK_MS 1000u
#define TICK_MS_MIN 100u
#define HOST_NS (60 * NS_PER_S)
#define STALL_NS (2 * NS_PER_S) /* so much later than it is due is a tick that was held up */
/* While records come, the reader looks again after a millisecond of its own accord; after this many
 * empty looks it sleeps, and the next record wakes it. */
#define NAP_MS 1
#define NAPS 3
/* No hook wakes the reader for a call that none saw; what /proc says of its caller is only to be had while that lives. */
#define AUDIT_MS 20

static uint64_t ms_until(uint64_t when_ns, uint64_t now_ns)
{
	return when_ns <= now_ns ? 0 : (when_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
}

int loop__open(struct loop *l)
{
	sigset_t set;

	memset(l, 0, sizeof(*l));
	notify__open(&l->notify);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	/* These come back as errors of the write: EPIPE, EFBIG. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) ||
	    (l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
		log__error("signalfd: %s", strerror(errno));
		return EX_SOFTWARE;
	}
	return 0;
}

void loop__close(struct loop *l)
{
	metrics__close(&l->metrics);
	notify__close(&l->notify);
	if (l->signal_fd >= 0)
		close(l->signal_fd);
}

static void handle_signals(struct loop *l)
{
	struct signalfd_siginfo info;

	while (read(l->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGHUP:
			l->reopen_due = true;
			break;
		case SIGUSR1:
			l->stats_due = true;
			break;
		default:
			l->reason = END_SIGNAL;
			l->signal = info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
		}
	}
}

static void handle_reopen(struct loop *l)
{
	struct collector *c = l->collector;

	if (!l->reopen_due)
		return;
	l->reopen_due = false;
	if (l->ready)
		notify__reloading(&l->notify, clock__mono_now());
	sink__quiet_reopen(c->sink, false);
	collector__look_at_host(c);
	if (sink__reopen(c->sink) == 0)
		to_lines__on_new_file(c->lines, REOPEN_SIGNAL);
	if (l->ready)
		notify__say(&l->notify, "READY=1");
}

/* Says it once `start` is written: only then has everything been tried. */
static void say_ready(struct loop *l)
{
	char state[128];

	if (l->ready)
		return;
	l->ready = true;
	snprintf(state, sizeof(state), "READY=1\nSTATUS=tracing as %.64s", l->source->known.user);
	notify__say(&l->notify, state);
}

/* It is said with each stats record, but not behind it: the output may take nothing. */
static void say_status(struct loop *l)
{
	char state[160];
	struct books b;

	report__books(l->report, &b);
	snprintf(state, sizeof(state), "STATUS=tracing: %llu calls seen, %llu filtered, %llu lost",
		 (unsigned long long)b.seen, (unsigned long long)b.filtered,
		 (unsigned long long)b.lost);
	notify__say(&l->notify, state);
	report__metrics(l->report, &l->metrics, &l->source->kernel, true);
}

/* Calls that found no room are told once a second, so within two; aggregated ones when the user wants it. What the
 * output has no room for now comes at the next step. */
static void tell_summaries(struct loop *l, uint64_t now)
{
	const struct kernel *k = &l->source->kernel;
	struct collector *c = l->collector;
	uint32_t window_s = c->options->aggregate_s ? c->options->aggregate_s : 1;

	int err = k->ops->take_summaries(k->tracer, collector__on_summary, c);

	l->summaries_left = err == -EAGAIN;
	if (!err)
		l->summary_ns = now + window_s * NS_PER_S;
}

/* What we did ourselves meanwhile is none. */
static void look_for_stall(struct loop *l, uint64_t now)
{
	const uint64_t cpu = clock__cpu_now(), late = now - l->tick_ns;

	if (late >= STALL_NS + (cpu - l->tick_cpu_ns))
		watch__stalled(&l->watch, late);
	l->tick_cpu_ns = cpu;
}

static void tick(struct loop *l, uint64_t now)
{
	const struct kernel *k = &l->source->kernel;
	struct collector *c = l->collector;
	uint32_t after_ms = c->options->in_flight_after_ms;
	uint32_t tick_ms = after_ms < TICK_MS_MIN ? TICK_MS_MIN
			   : after_ms < TICK_MS	  ? after_ms
						  : TICK_MS;
	struct pvm_counts counts;

	look_for_stall(l, now);
	l->tick_ns = now + tick_ms * NS_PER_MS;
	collector__tick(c);
	k->ops->tick(k->tracer);
	outputs__tick(&l->outputs);
	k->ops->counts(k->tracer, &counts);
	if (books__in_flight(&counts) || audit__waits(l->audit))
		k->ops->sweep(k->tracer, PVM_IN_FLIGHT, after_ms * NS_PER_MS);
	/* Who the sweep has found inside is known before calls are judged. */
	audit__look(l->audit);
	report__lost(l->report);
	watch__tick(&l->watch);
}

/* Does what is due by the clock. */
static void handle_time(struct loop *l)
{
	const struct options *o = l->collector->options;
	uint64_t now = clock__mono_now();

	notify__beat(&l->notify, now);
	if (l->end_ns && now >= l->end_ns && !l->reason)
		l->reason = END_DURATION;
	if (now >= l->tick_ns)
		tick(l, now);
	if (now >= l->host_ns) {
		l->host_ns = now + HOST_NS;
		collector__look_at_host(l->collector);
	}
	if (now >= l->summary_ns)
		tell_summaries(l, now);
	if (now >= l->stats_ns) {
		l->stats_ns = now + o->stats_interval_s * NS_PER_S;
		l->stats_due = true;
		say_status(l);
	}
	if (l->stats_due && !report__stats(l->report))
		l->stats_due = false;
}

/* Sleeps until a signal, the output, a record (if asleep) or the next tick; at most ms. */
static void wait_for(struct loop *l, uint64_t ms, bool for_records)
{
	const struct kernel *k = &l->source->kernel;
	struct sink *sink = l->collector->sink;
	uint64_t now = clock__mono_now(), limit = ms_until(l->tick_ns, now);
	int retry = sink__retry_ms(sink);
	struct pollfd fds[4] = {
		{ .fd = l->signal_fd, .events = POLLIN },
		{ .fd = sink__fd(sink), .events = sink__events(sink) },
		{ .fd = audit__fd(l->audit), .events = POLLIN },
		{ .fd = k->ops->poll_fd(k->tracer), .events = POLLIN },
	};

	if (l->end_ns && ms_until(l->end_ns, now) < limit)
		limit = ms_until(l->end_ns, now);
	if (l->notify.every_ns && ms_until(l->notify.next_ns, now) < limit)
		limit = ms_until(l->notify.next_ns, now);
	if (retry > 0 && (uint64_t)retry < limit)
		limit = (uint64_t)retry;
	if (ms < limit)
		limit = ms;
	if (l->audit && AUDIT_MS < limit)
		limit = AUDIT_MS;
	(void)poll(fds, for_records ? 4 : 3, (int)limit);
	if (fds[1].revents & (POLLERR | POLLHUP) && !l->reason)
		l->reason = END_READER_GONE;
}

/* Writes what is pending. Returns false if the output takes nothing now and the buffer is full. */
static bool handle_output(struct loop *l)
{
	struct collector *c = l->collector;
	int err = collector__flush(c);

	if (err == -EPIPE) {
		l->reason = END_READER_GONE;
		return false;
	}
	if (err && err != -EAGAIN && !l->failing_since_ns)
		l->failing_since_ns = clock__boot_now(&c->clock);
	if (!err && l->failing_since_ns &&
	    !report__error(l->report, ERROR_OUTPUT_FAILING,
			   "the output could not be written for a while; nothing written was lost, "
			   "see `lost` for calls that found no room meanwhile",
			   l->failing_since_ns))
		l->failing_since_ns = 0;
	if (!err)
		say_ready(l);
	return collector__room(c);
}

/* Sets the flag that makes the next record wake us, then looks once more: a record that came just before
 * has not seen the flag. */
static void sleep_deep(struct loop *l)
{
	const struct kernel *k = &l->source->kernel;
	struct pvm_bell *bell = k->ops->bell(k->tracer);
	bool got = false;
	int err;

	__atomic_store_n(&bell->asleep, 1, __ATOMIC_SEQ_CST);
	err = from_kernel__drain(l->source, &got);
	if (!err && !got)
		wait_for(l, TICK_MS, true);
	__atomic_store_n(&bell->asleep, 0, __ATOMIC_SEQ_CST);
}

static void step(struct loop *l)
{
	struct collector *c = l->collector;
	bool got = false;
	int err;

	handle_signals(l);
	audit__look(l->audit);
	handle_time(l);
	handle_reopen(l);
	if (!handle_output(l)) {
		if (!l->reason)
			wait_for(l, TICK_MS, false);
		return;
	}
	audit__tell(l->audit, false);
	err = from_kernel__drain(l->source, &got);
	if (c->full && !l->reason)
		l->reason = END_COUNT;
	if (err || l->reason)
		return; /* there is more */
	if (got || l->summaries_left) {
		l->idle = 0;
		return;
	}
	if (l->idle < NAPS) {
		l->idle++;
		wait_for(l, NAP_MS, false);
	} else {
		sleep_deep(l);
	}
}

int loop__run(struct loop *l)
{
	const struct kernel *k = &l->source->kernel;
	struct collector *c = l->collector;
	uint64_t now = clock__mono_now();
	int status;

	l->outputs.report = l->report;
	if (report__start(l->report)) {
		log__error("the first record could not be made");
		return EX_SOFTWARE;
	}
	audit__ready(l->audit);
	k->ops->go(k->tracer);
	/* Whoever waits for this may call from now on. */
	log__info("tracing as %s; SIGINT (Ctrl-C) or SIGTERM ends it", l->source->known.user);
	audit__begin(l->audit);
	watch__begin(&l->watch, l->report, k, l->audit);
	if (sink__drain(c->sink, TICK_MS) && sink__events(c->sink) == 0 && sink__pending(c->sink)) {
		log__error("the first record could not be written");
		return EX_IOERR;
	}
	if (c->options->duration_s)
		l->end_ns = now + c->options->duration_s * NS_PER_S;
	l->stats_ns = now + c->options->stats_interval_s * NS_PER_S;
	l->tick_ns = now;
	l->tick_cpu_ns = clock__cpu_now();
	l->summary_ns = now + c->options->aggregate_s * NS_PER_S;
	report__metrics(l->report, &l->metrics, &l->source->kernel, true);
	while (!l->reason)
		step(l);
	notify__say(&l->notify, "STOPPING=1\nWATCHDOG=1\nSTATUS=ending the run");
	status = finish__run(l);
	report__metrics(l->report, &l->metrics, &l->source->kernel, false);
	return status;
}
