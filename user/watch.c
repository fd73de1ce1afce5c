/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "bpf/keys.h"
#include "kernel/sysctl.h"

#define SILENT "the hooks do not fire: calls are not seen"

#define FTRACE_OFF SYSCTL_FTRACE " is 0: nothing of a call is confirmed"
#define FTRACE_BACK SYSCTL_FTRACE " was 0: some calls were not confirmed"
#define KPROBES_OFF KPROBES_SWITCH " is 0: no pages of a call are confirmed"
#define KPROBES_BACK KPROBES_SWITCH " was 0: pages of some calls were not confirmed"

#define AUDIT_SILENT "perf's probes do not fire: calls that no hook sees are not noticed"
#define AUDIT_CPUS \
	"CPUs came or went: --audit does not see calls on those until pvmtrace is restarted"
#define AUDIT_BACK "perf's probes fire again; calls in between that no hook saw were not noticed"

void watch__begin(struct watch *w, struct report *report, const struct kernel *kernel,
		  struct audit *audit)
{
	const uint64_t now = clock__boot_now(&report->collector->clock);

	*w = (struct watch){
		.report = report,
		.kernel = kernel,
		.ftrace.file = w->ftrace.file,
		.kprobes.file = w->kprobes.file,
		.audit_switch = w->audit_switch,
		.fired_ns = now,
		.audit = audit,
		.audit_fired_ns = now,
	};
	if (!sysctl__is_watched(&w->kprobes.file))
		kernel->ops->kprobes_were_off(kernel->tracer); /* for all that is known */
	else
		w->kprobes.written = sysctl__watched_is_zero(&w->kprobes.file);
}

/* What happened between the two looks nobody saw: the silence may have begun right after the last good one. */
static void fall_silent(struct watch *w)
{
	if (!w->silent_since_ns) {
		w->silent_since_ns = w->fired_ns;
		report__doubt(w->report, ERROR_HOOKS_SILENT);
		log__error(SILENT " any more; if that stays so, restart pvmtrace");
	}
	if (!w->silence_told)
		w->silence_told = !report__error_span(w->report, ERROR_HOOKS_SILENT, SILENT,
						      w->silent_since_ns, 0);
}

/* An output that takes nothing may have kept the silence from being told: then it is told now, with its end. */
static void fire_again(struct watch *w, uint64_t now)
{
	if (!w->silence_told &&
	    report__error_span(w->report, ERROR_HOOKS_SILENT, SILENT, w->silent_since_ns, now))
		return;
	w->silence_told = true;
	if (report__error_span(w->report, ERROR_HOOKS_BACK,
			       "the hooks fire again; calls in between were not seen",
			       w->silent_since_ns, now))
		return;
	log__warn("the hooks fire again; calls in between were not seen");
	w->silent_since_ns = 0;
	w->silence_told = false;
}

static void watch_silence(struct watch *w)
{
	uint64_t now = clock__boot_now(&w->report->collector->clock);
	enum tracer_firing firing = w->kernel->ops->firing(w->kernel->tracer);

	if (firing == FIRING_UNKNOWN)
		return;
	/* A silence that ends at this very look was one all the same. */
	if (firing != FIRING)
		fall_silent(w);
	if (firing == FIRING_NOT)
		return;
	if (w->silent_since_ns)
		fire_again(w, now);
	w->fired_ns = now;
}

/* Looks, with hooks on the calls' functions, for a switch that went off and on again between two looks. One that stayed off
 * is a silence as any other. */
static void watch_blackout(struct watch *w, uint64_t before)
{
	struct watch_switch *s = &w->ftrace;

	report__doubt(w->report, ERROR_HOOKS_SILENT);
	if (!s->off_since_ns)
		s->off_since_ns = before;
	log__warn(SYSCTL_FTRACE " was written to: calls may not have been seen for a moment");
	s->written = report__error_span(w->report, ERROR_HOOKS_SILENT,
					SYSCTL_FTRACE
					" was written to: calls may not have been seen "
					"for a moment",
					s->off_since_ns, w->fired_ns) != 0;
	if (!s->written)
		s->off_since_ns = 0;
}

/* Watches those that confirm, which stop and begin again unseen but for this. silent: what is said of it; NULL: they run
 * again. */
static void watch_confirms(struct watch *w, struct watch_switch *s, uint64_t before,
			   const char *silent, const char *back)
{
	bool off = silent != NULL;

	if (!s->off_since_ns)
		s->off_since_ns = before;
	s->written = report__error_span(w->report,
					off ? ERROR_CONFIRMS_SILENT : ERROR_CONFIRMS_BACK,
					off ? silent : back, s->off_since_ns,
					off ? 0 : w->fired_ns) != 0;
	if (!off && !s->written)
		s->off_since_ns = 0;
}

/* Watches the switch of ftrace. before: as it was before the look at whether the hooks fire. */
static void watch_ftrace(struct watch *w, const struct watch *before)
{
	const struct kernel *k = w->kernel;
	struct confirm_info confirms = k->ops->confirms(k->tracer);
	struct watch_switch *s = &w->ftrace;

	s->written |= sysctl__was_written(&s->file);
	if (!s->written)
		return;
	k->ops->ftrace_was_off(k->tracer);
	if (k->ops->fentry(k->tracer)) {
		if (w->silent_since_ns || before->silent_since_ns)
			s->written = false; /* told as such */
		else
			watch_blackout(w, before->fired_ns);
	} else if (confirms.target || confirms.pages) {
		/* With hooks on every call no call is missed. */
		watch_confirms(w, s, before->fired_ns,
			       sysctl__watched_is_zero(&s->file) ? FTRACE_OFF : NULL, FTRACE_BACK);
	}
}

/* No first hook is a kprobe, but a witness may be one, and those that see pages. */
static void watch_kprobes(struct watch *w, uint64_t before)
{
	const struct kernel *k = w->kernel;
	enum page_hook pages = k->ops->confirms(k->tracer).pages;
	struct watch_switch *s = &w->kprobes;

	s->written |= sysctl__was_written(&s->file);
	if (!s->written)
		return;
	k->ops->kprobes_were_off(k->tracer);
	if (pages != PAGES_KPROBE) {
		s->written = false;
		return;
	}
	watch_confirms(w, s, before, sysctl__watched_is_zero(&s->file) ? KPROBES_OFF : NULL,
		       KPROBES_BACK);
}

/* While a hook is preempted, the kernel does not run it for another task on that CPU: its calls can go by unseen. */
void watch__skips(struct watch *w)
{
	uint64_t skipped = w->kernel->ops->skipped_runs(w->kernel->tracer);
	char message[128];

	if (skipped <= w->skips_told)
		return;
	snprintf(message, sizeof(message),
		 "the kernel passed over the hooks of at most %llu calls, which may be missing",
		 (unsigned long long)skipped);
	if (report__error(w->report, ERROR_HOOKS_SKIPPED, message, 0))
		return;
	if (!w->skips_told)
		log__warn("%s", message);
	w->skips_told = skipped;
}

static bool wants_one(const struct filter_list *list)
{
	for (size_t i = 0; i < list->cnt; i++) {
		if (!list->values[i].exclude)
			return true;
	}
	return false;
}

static bool asks_for_processes(const struct options *o, enum pvm_who who)
{
	for (size_t i = 0; i < o->rule_cnt; i++) {
		if (wants_one(&o->rules[i].filter[who][FILTER_PID]))
			return true;
	}
	return false;
}

/* A filter that no process can pass any more is silence that looks like peace. */
static void watch_processes(struct watch *w, enum pvm_who who)
{
	static const enum error_code
		kinds[] = { [PVM_CALLER] = ERROR_CALLER_GONE, [PVM_TARGET] = ERROR_TARGET_GONE };
	static const char *const messages[][2] = {
		[PVM_CALLER] = {
			"the last process of --caller-pid has ended: no call will be told",
			"the last process of the rules' caller-pid has ended: no call is theirs any more",
		},
		[PVM_TARGET] = {
			"the last process of --target-pid has ended, and nobody works in its memory: no call on it will come",
			"the last process of the rules' target-pid has ended, and nobody works in its memory: no call is theirs any more",
		},
	};
	const struct kernel *k = w->kernel;
	const struct options *o = w->report->collector->options;
	const char *message = messages[who][o->rules[0].name != NULL];

	if (w->gone_told[who] || !asks_for_processes(o, who) || k->ops->alive(k->tracer, who) ||
	    (who == PVM_TARGET && k->ops->memory_left(k->tracer)))
		return;
	if (report__error(w->report, kinds[who], message, 0))
		return;
	log__warn("%s", message);
	w->gone_told[who] = true;
}

/* Does for perf's probes what fall_silent does for the hooks. */
static void audit_falls_silent(struct watch *w)
{
	if (!w->audit_since_ns) {
		w->audit_since_ns = w->audit_fired_ns;
		report__doubt(w->report, ERROR_AUDIT_SILENT);
		log__error(AUDIT_SILENT " any more: is " KPROBES_SWITCH " 0?");
	}
	if (!w->audit_told)
		w->audit_told = !report__error_span(w->report, ERROR_AUDIT_SILENT, AUDIT_SILENT,
						    w->audit_since_ns, 0);
}

/* Does for perf's probes what fire_again does for the hooks, also after a switch that went off and on between two
 * looks. */
static void audit_fires_again(struct watch *w, uint64_t now)
{
	bool was_told = w->audit_told;

	if (!was_told &&
	    report__error_span(w->report, ERROR_AUDIT_SILENT, AUDIT_SILENT, w->audit_since_ns, now))
		return;
	w->audit_told = true;
	if (was_told &&
	    report__error_span(w->report, ERROR_AUDIT_BACK, AUDIT_BACK, w->audit_since_ns, now))
		return;
	log__warn(AUDIT_BACK);
	w->audit_since_ns = 0;
	w->audit_told = false;
}

/* The call that the hooks are watched by was one for the probes, too. */
static void watch_audit(struct watch *w)
{
	uint64_t now = clock__boot_now(&w->report->collector->clock);

	audit__look(w->audit);
	/* Ours may be on a CPU without probes by then, now and again; the run is in doubt for good. */
	if (w->cpus_since_ns)
		return;
	if (!audit__fires(w->audit)) {
		audit_falls_silent(w);
		return;
	}
	if (sysctl__was_written(&w->audit_switch) && !w->audit_since_ns)
		w->audit_since_ns = w->audit_fired_ns;
	if (w->audit_since_ns)
		audit_fires_again(w, now);
	w->audit_fired_ns = now;
}

/* Tells once and for good that there are CPUs without probes: one that comes back has none either. */
static void watch_audit_cpus(struct watch *w)
{
	if (w->cpus_told || (!w->cpus_since_ns && !audit__lacks_cpu(w->audit)))
		return;
	if (!w->cpus_since_ns) {
		w->cpus_since_ns = w->audit_fired_ns;
		report__doubt(w->report, ERROR_AUDIT_SILENT);
		log__error(AUDIT_CPUS);
	}
	w->cpus_told =
		!report__error_span(w->report, ERROR_AUDIT_SILENT, AUDIT_CPUS, w->cpus_since_ns, 0);
}

/* Tells how many calls were not compared. */
static void watch_audit_lost(struct watch *w)
{
	uint64_t lost = audit__lost(w->audit);
	char message[128];

	if (lost <= w->audit_lost)
		return;
	snprintf(message, sizeof(message),
		 "a ring was full: %llu calls were not compared so far: calls may be missing",
		 (unsigned long long)lost);
	if (report__error(w->report, ERROR_AUDIT_LOST, message, 0))
		return;
	if (!w->audit_lost)
		log__warn("--audit: %s", message);
	w->audit_lost = lost;
}

/* Of what a filter by executable means, another file may stand at the path by now, which was not the one that counts until
 * it was looked at. */
static void watch_files(struct watch *w)
{
	enum error_code code = ERROR_UNKNOWN;
	const char *message;

	while ((message = w->kernel->ops->files_changed(w->kernel->tracer, &code))) {
		log__warn("%s", message);
		if (report__error(w->report, code, message, 0) && !error_code_is_harmless(code))
			report__doubt(w->report, code);
	}
}

void watch__stalled(struct watch *w, uint64_t ns)
{
	w->stalled_until_ns = clock__boot_now(&w->report->collector->clock);
	if (!w->stalled_since_ns)
		w->stalled_since_ns = w->stalled_until_ns - ns;
}

/* What came meanwhile is in the rings, or is counted as lost. */
static void watch_stall(struct watch *w)
{
	char message[128];

	if (!w->stalled_since_ns)
		return;
	snprintf(message, sizeof(message),
		 "the tracer did not run for %llu ms: it was stopped, or got no CPU",
		 (unsigned long long)((w->stalled_until_ns - w->stalled_since_ns) / NS_PER_MS));
	if (report__error_span(w->report, ERROR_STALLED, message, w->stalled_since_ns,
			       w->stalled_until_ns))
		return;
	log__warn("%s", message);
	w->stalled_since_ns = 0;
}

void watch__tampering(struct watch *w)
{
	const char *found = w->kernel->ops->tampered(w->kernel->tracer);

	if (found) {
		log__error("%s", found);
		report__doubt(w->report, ERROR_TAMPERED);
		snprintf(w->tampered, sizeof(w->tampered), "%s", found);
	}
	if (*w->tampered && !report__error(w->report, ERROR_TAMPERED, w->tampered, 0))
		*w->tampered = '\0';
}

void watch__tick(struct watch *w)
{
	const struct watch before = *w;

	watch_stall(w);
	watch__tampering(w);
	watch_silence(w);
	if (w->audit) {
		watch_audit_cpus(w);
		watch_audit(w);
		watch_audit_lost(w);
	}
	watch_ftrace(w, &before);
	watch_kprobes(w, before.fired_ns);
	watch__skips(w);
	collector__look_at_pages(w->report->collector);
	watch_processes(w, PVM_CALLER);
	watch_processes(w, PVM_TARGET);
	watch_files(w);
}
