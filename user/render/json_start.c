/* SPDX-License-Identifier: Apache-2.0 */
/* json_start - start and reopen: the first record of a file. It is unique, and at least
 * FIRST_LINE_MIN bytes long. */
#include <string.h>

#include "event/names.h"
#include "render/common.h"
#include "render/filters.h"
#include "render/json.h"

static void put_abis(struct json *j, const struct own_plan *plan, const struct start_info *s)
{
	json__open_arr(j, "abis");
	for (size_t i = 0; i < s->abi_cnt && own__shows(plan, OWN_ABIS); i++) {
		json__open_obj(j, NULL);
		json__str(j, "abi", abi_word(&s->abis[i]));
		json__bool(j, "covered", s->abis[i].covered);
		json__bool(j, "proven", s->abis[i].proven);
		json__str(j, "note", own__shows(plan, OWN_ABI_NOTES) ? s->abis[i].note : NULL);
		json__close_obj(j);
	}
	json__close_arr(j);
}

static void put_counter_names(struct json *j, const struct start_info *s, size_t cnt)
{
	json__open_arr(j, "counter_names");
	for (size_t i = 0; i < cnt; i++)
		json__str(j, NULL, s->counters[i].name);
	json__close_arr(j);
}

static void put_text_or_null(struct json *j, const char *key, const char *text)
{
	json__bytes(j, key, text, text ? strlen(text) : 0);
}

static void put_start(struct json *j, const struct own_plan *plan, const struct record *r)
{
	const struct start_info *s = &r->start;

	json_head(j, plan->cache, r);
	put_text_or_null(j, "instance", s->instance);
	json__str(j, "version", s->version);
	json__str(j, "libbpf", s->libbpf);
	put_text_or_null(j, "kernel", r->host->kernel);
	put_text_or_null(j, "kernel_version",
			 own__shows(plan, OWN_KERNEL) ? r->host->kernel_version : NULL);
	put_text_or_null(j, "arch", r->host->arch);
	json__word(j, "attach", attach_name(s->attach));
	json__word(j, "resolve", resolve_name(s->resolve));
	common__confirms(j, &s->confirms, true);
	if (own__shows(plan, OWN_WITNESSES))
		common__witnesses(j, &s->witnesses, true);
	else
		json__null(j, "witnesses");
	json__str(j, "tamper", openings_name(s->openings));
	json__bool(j, "audit", s->audit);
	common__sandbox(j, own__shows(plan, OWN_SANDBOX) ? s->sandbox : 0);
	put_abis(j, plan, s);
	common__texts(j, "unseen", s->unseen, own__shows(plan, OWN_UNSEEN) ? s->unseen_cnt : 0);
	common__texts(j, "notes", s->notes, own__shows(plan, OWN_NOTES) ? s->note_cnt : 0);
	if (s->options && own__shows(plan, OWN_FILTERS))
		filters__put(j, s, true);
	else
		json__null(j, "filters");
	if (s->options && own__shows(plan, OWN_RULES))
		filters__rules(j, s->options, true);
	else
		json__empty_arr(j, "rules");
	if (s->options && own__shows(plan, OWN_LIMITS))
		common__limits(j, s->options, true);
	else
		json__null(j, "limits");
	json__str(j, "config_hash", own__shows(plan, OWN_CONFIG_HASH) ? s->config_hash : NULL);
	put_counter_names(j, s, own__shows(plan, OWN_COUNTER_NAMES) ? s->counter_cnt : 0);
	json__u64(j, "pid", s->pid);
	put_text_or_null(j, "user", s->user);
	common__pad(j, plan->pad);
	json_own_end(j, plan, r);
}

static void put_reopen(struct json *j, const struct own_plan *plan, const struct record *r)
{
	json_head(j, plan->cache, r);
	put_text_or_null(j, "instance", r->reopen.instance);
	json__word(j, "reason", reopen_name(r->reopen.reason));
	common__pad(j, plan->pad);
	json_own_end(j, plan, r);
}

int json_start(struct render_cache *cache, const struct record *r, const struct render_opts *o,
	       struct json *j)
{
	return own__line(j, cache, r, o, put_start);
}

int json_reopen(struct render_cache *cache, const struct record *r, const struct render_opts *o,
		struct json *j)
{
	return own__line(j, cache, r, o, put_reopen);
}
