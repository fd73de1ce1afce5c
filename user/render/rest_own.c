/* SPDX-License-Identifier: Apache-2.0 */
/* rest_own - of the records that the tracer tells about itself. */
#include <string.h>

#include "event/names.h"
#include "render/common.h"
#include "render/filters.h"
#include "render/opened.h"
#include "render/rest.h"

static void put_text(struct json *j, const char *key, const char *text)
{
	if (text && *text)
		json__bytes(j, key, text, strlen(text));
}

static void put_abis(struct json *j, const struct start_info *s, const struct own_plan *plan)
{
	json__open_arr(j, "abis");
	for (size_t i = 0; i < s->abi_cnt; i++) {
		json__open_obj(j, NULL);
		json__str(j, "abi", abi_word(&s->abis[i]));
		json__bool(j, "covered", s->abis[i].covered);
		json__bool(j, "proven", s->abis[i].proven);
		if (own__shows(plan, OWN_ABI_NOTES))
			put_text(j, "note", s->abis[i].note);
		json__close_obj(j);
	}
	json__close_arr(j);
}

static void put_start(struct json *j, const struct own_plan *plan, const struct record *r)
{
	const struct start_info *s = &r->start;

	put_text(j, "instance", s->instance);
	json__str(j, "version", s->version);
	json__str(j, "libbpf", s->libbpf);
	put_text(j, "kernel", r->host->kernel);
	if (own__shows(plan, OWN_KERNEL))
		put_text(j, "kernel_version", r->host->kernel_version);
	put_text(j, "arch", r->host->arch);
	json__word(j, "attach", attach_name(s->attach));
	json__word(j, "resolve", resolve_name(s->resolve));
	common__confirms(j, &s->confirms, false);
	if (own__shows(plan, OWN_WITNESSES))
		common__witnesses(j, &s->witnesses, false);
	put_text(j, "tamper", openings_name(s->openings));
	json__bool(j, "audit", s->audit);
	if (own__shows(plan, OWN_SANDBOX))
		common__sandbox(j, s->sandbox);
	if (own__shows(plan, OWN_ABIS))
		put_abis(j, s, plan);
	if (own__shows(plan, OWN_UNSEEN))
		common__texts(j, "unseen", s->unseen, s->unseen_cnt);
	if (own__shows(plan, OWN_NOTES))
		common__texts(j, "notes", s->notes, s->note_cnt);
	if (s->options && own__shows(plan, OWN_FILTERS))
		filters__put(j, s, false);
	if (s->options && s->options->rules[0].name && own__shows(plan, OWN_RULES))
		filters__rules(j, s->options, false);
	if (s->options && own__shows(plan, OWN_LIMITS))
		common__limits(j, s->options, false);
	if (own__shows(plan, OWN_CONFIG_HASH))
		put_text(j, "config_hash", s->config_hash);
	if (own__shows(plan, OWN_COUNTER_NAMES)) {
		json__open_arr(j, "counter_names");
		for (size_t i = 0; i < s->counter_cnt; i++)
			json__str(j, NULL, s->counters[i].name);
		json__close_arr(j);
	}
	json__u64(j, "pid", s->pid);
	put_text(j, "user", s->user);
	common__pad(j, plan->pad);
}

static void put_counters(struct json *j, const struct own_plan *plan, const char *key,
			 const struct counter *counters, size_t cnt)
{
	if (own__shows(plan, OWN_COUNTERS))
		common__counters(j, key, counters, cnt, own__shows(plan, OWN_ZEROES));
}

static void put_stats(struct json *j, const struct own_plan *plan, const struct stats_info *s)
{
	put_counters(j, plan, "counters", s->counters, s->counter_cnt);
	json__u64(j, "in_flight", s->in_flight);
	if (s->rule_cnt && own__shows(plan, OWN_RULES))
		filters__fates(j, s, false);
}

void rest__own(struct json *j, const struct own_plan *plan, const struct record *r,
	       const struct own_names *names)
{
	switch (r->type) {
	case REC_START:
		put_start(j, plan, r);
		break;
	case REC_REOPEN:
		put_text(j, "instance", r->reopen.instance);
		json__word(j, "reason", reopen_name(r->reopen.reason));
		common__pad(j, plan->pad);
		break;
	case REC_STATS:
		put_stats(j, plan, &r->stats);
		break;
	case REC_LOST:
		json__u64(j, "count", r->lost.count);
		put_counters(j, plan, "by", r->lost.by, r->lost.by_cnt);
		common__time(j, plan->cache, "since", r->lost.since_ns);
		common__time(j, plan->cache, "until", r->lost.until_ns);
		break;
	case REC_ERROR:
		if (r->error.since_ns)
			common__time(j, plan->cache, "since", r->error.since_ns);
		if (r->error.until_ns)
			common__time(j, plan->cache, "until", r->error.until_ns);
		break;
	case REC_TAMPER:
		opened__put(j, plan, &r->tamper, false, names->exe_is_here);
		break;
	case REC_STOP:
		json__str(j, "reason", end_word(&r->stop));
		put_text(j, "signal", r->stop.signal);
		put_stats(j, plan, &r->stop.stats);
		json__bool(j, "balanced", r->stop.balanced);
		json__bool(j, "complete", r->stop.complete);
		common__doubts(j, "incomplete", r->stop.incomplete, r->stop.incomplete_cnt);
		break;
	default:
		break;
	}
	own__put_truncated(j, plan, r->type, names);
}
