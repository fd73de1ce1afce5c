/* SPDX-License-Identifier: Apache-2.0 */
#include "render/filters.h"

#include <string.h>

#include "base/options.h"
#include "bpf/keys.h"
#include "event/counts.h"
#include "event/names.h"

/* It says whether what is not set is there, empty, and whether what has no value is null. */
struct shape {
	bool whole, nulls;
};

/* Puts it as it was given: an excluding value with its mark. */
static void put_value(struct json *j, const struct filter_value *v)
{
	json__open_str(j, NULL);
	if (v->exclude)
		json__part(j, "!", 1);
	json__part(j, v->text, strlen(v->text));
	json__close_str(j);
}

static void put_list(struct json *j, const char *key, const struct filter_list *list,
		     const struct shape *shape)
{
	if (!list->cnt && !shape->whole)
		return;
	json__open_arr(j, key);
	for (size_t n = 0; n < list->cnt; n++)
		put_value(j, &list->values[n]);
	json__close_arr(j);
}

static bool side_is_empty(const struct filter_list *lists)
{
	size_t cnt = 0;

	for (int i = 0; i < FILTER_FIELD_CNT; i++)
		cnt += lists[i].cnt;
	return !cnt;
}

static void put_side(struct json *j, const char *key, const struct filter_list *lists,
		     const struct shape *shape)
{
	if (!shape->whole && side_is_empty(lists))
		return;
	json__open_obj(j, key);
	for (int i = 0; i < FILTER_FIELD_CNT; i++)
		put_list(j, filter_field_name((enum filter_field)i), &lists[i], shape);
	json__close_obj(j);
}

static void put_files(struct json *j, const struct start_info *s)
{
	json__open_arr(j, "files");
	for (size_t i = 0; i < s->file_cnt; i++) {
		const struct bound_info *f = &s->files[i];

		json__open_obj(j, NULL);
		json__str(j, "side", f->side);
		json__str(j, "path", f->path);
		json__dev(j, "dev", f->dev);
		json__u64(j, "ino", f->ino);
		json__close_obj(j);
	}
	json__close_arr(j);
	json__u64(j, "files_more", s->files_more);
}

static void put_ops(struct json *j, const struct rule *rule, const struct shape *shape)
{
	if (!rule->ops && !shape->whole)
		return;
	json__open_arr(j, "op");
	for (unsigned int op = PVM_READ; op <= PVM_WRITE; op++)
		if (rule->ops & 1u << op)
			json__word(j, NULL, op_name(op));
	json__close_arr(j);
}

static void put_relations(struct json *j, const struct rule *rule, const struct shape *shape)
{
	const struct relation_filter *r = &rule->relation;

	if (!(r->wanted | r->excluded) && !shape->whole)
		return;
	json__open_arr(j, "relation");
	for (int i = 0; i < PVM_RELATION_CNT; i++) {
		if (r->wanted & 1u << i)
			json__word(j, NULL, relation_names[i]);
		if (r->excluded & 1u << i)
			put_value(j, &(struct filter_value){ true, relation_names[i], 0, false });
	}
	json__close_arr(j);
}

/* Puts members of the object that is open. s: whose files stand among them; NULL: none. */
static void put_members(struct json *j, const struct rule *rule, const struct start_info *s,
			const struct shape *shape)
{
	put_side(j, "caller", rule->filter[PVM_CALLER], shape);
	put_side(j, "target", rule->filter[PVM_TARGET], shape);
	if (s)
		put_files(j, s);
	put_ops(j, rule, shape);
	put_relations(j, rule, shape);
	if (rule->outcome)
		json__word(j, "outcome", outcome_name(rule->outcome));
	else if (shape->whole && shape->nulls)
		json__null(j, "outcome");
	if (rule->min_bytes || shape->whole)
		json__u64(j, "min_bytes", rule->min_bytes);
	if (rule->no_self || shape->whole)
		json__bool(j, "no_self", rule->no_self);
	put_list(j, "region", &rule->region, shape);
}

void filters__put(struct json *j, const struct start_info *s, bool nulls)
{
	static const struct rule none;
	const struct rule *first = s->options->rules;

	json__open_obj(j, "filters");
	put_members(j, first->name ? &none : first, s, &(struct shape){ true, nulls });
	json__close_obj(j);
}

/* Begins an object with what tells a rule from others. The one without a name is what is done where none of a file holds. */
static void open_rule(struct json *j, const struct rule *rule, bool nulls)
{
	json__open_obj(j, NULL);
	if (rule->name)
		json__str(j, "name", rule->name);
	else if (nulls)
		json__null(j, "name");
	json__word(j, "action", rule_action_names[rule->action]);
}

void filters__rules(struct json *j, const struct options *o, bool nulls)
{
	json__open_arr(j, "rules");
	for (size_t i = 0; o->rules[0].name && i < o->rule_cnt; i++) {
		open_rule(j, &o->rules[i], nulls);
		json__open_obj(j, "filters");
		put_members(j, &o->rules[i], NULL, &(struct shape){ false, nulls });
		json__close_obj(j);
		json__close_obj(j);
	}
	json__close_arr(j);
}

void filters__fates(struct json *j, const struct stats_info *s, bool nulls)
{
	json__open_arr(j, "rules");
	for (size_t i = 0; i < s->rule_cnt; i++) {
		const struct rule_counts *counts = &s->rule_counts[i];

		open_rule(j, &s->rules[i], nulls);
		json__u64(j, "told", counts->told);
		json__u64(j, "summarised", counts->summarised);
		json__u64(j, "dropped", counts->dropped);
		json__close_obj(j);
	}
	json__close_arr(j);
}
