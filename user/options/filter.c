/* SPDX-License-Identifier: Apache-2.0 */
/* filter - values of filters: what can never match is refused, by itself or beside the others of its list. */
#include "options/table.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "bpf/event.h"
#include "event/cgroup_pattern.h"
#include "event/container.h"
#include "event/region_filter.h"
#include "event/unit.h"

#define COMM_MAX (PVM_COMM_SZ - 1)
#define PID_TOP 2147483647ULL
#define UID_TOP 4294967294ULL /* the one above it means "no uid" to the kernel */
#define CONTAINER_LEN_MAX 255 /* of a cgroup's name */

static int parse_uid(const char *text, uint32_t *out)
{
	struct passwd *pw;
	uint64_t n;

	if (option__all_digits(text)) {
		if (!option__digits(text, strlen(text), &n) || n > UID_TOP)
			return -EINVAL;
		*out = (uint32_t)n;
		return 0;
	}
	pw = getpwnam(text);
	if (!pw)
		return -ENOENT;
	*out = pw->pw_uid;
	return 0;
}

static int check_container(const struct option_def *d, const char *value, const char *id)
{
	for (const char *c = id; *c; c++) {
		if (!container_char(*c))
			return option__refuse_allowed(d, value, "matches no container");
	}
	return strlen(id) > CONTAINER_LEN_MAX
		       ? option__refuse(d, value, "matches no container: its id is shorter")
		       : 0;
}

static bool region_is_valid(const char *text)
{
	static const char *const words[] = { "heap", "stack", "anon", "none", REGION_EXEC };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(text, words[i]))
			return true;
	}
	return !strncmp(text, REGION_FILE, REGION_FILE_LEN) && text[REGION_FILE_LEN] &&
	       strlen(text) <= REGION_FILE_LEN + PVM_PATH_MAX;
}

/* Fills v->number where the field is one. Returns 0, or an exit status after a message. */
static int parse_filter(const struct option_def *d, const char *value, struct filter_value *v)
{
	const char *fault = NULL;
	char why[32];
	uint64_t n;
	int err;

	switch (d->field) {
	case FILTER_PID:
		if (!option__digits(v->text, strlen(v->text), &n) || n < 1 || n > PID_TOP)
			return option__refuse_value(d, value);
		v->number = (uint32_t)n;
		break;
	case FILTER_UID:
		err = parse_uid(v->text, &v->number);
		if (err == -ENOENT)
			return option__refuse_allowed(d, value, "is not valid: no such account");
		if (err)
			return option__refuse_value(d, value);
		break;
	case FILTER_COMM:
		if (strlen(v->text) <= COMM_MAX)
			break;
		snprintf(why, sizeof(why), "has %zu bytes", strlen(v->text));
		return option__refuse_allowed(d, value, why);
	case FILTER_CGROUP:
		fault = cgroup_pattern__fault(v->text);
		break;
	case FILTER_UNIT:
		if (strchr(v->text, '/') || strlen(v->text) >= UNIT_MAX)
			return option__refuse_value(d, value);
		break;
	case FILTER_EXE:
	case FILTER_ANCESTOR_EXE:
		if (v->text[0] != '/' || v->text[strlen(v->text) - 1] == '/' ||
		    strlen(v->text) >= PVM_PATH_MAX)
			return option__refuse_value(d, value);
		break;
	case FILTER_REGION:
		return region_is_valid(v->text) ? 0 : option__refuse_value(d, value);
	case FILTER_CONTAINER:
		v->none = !strcmp(v->text, "none");
		return check_container(d, value, v->text);
	default:
		break;
	}
	return fault ? option__refuse(d, value, fault) : 0;
}

static bool same_value(enum filter_field field, const struct filter_value *a,
		       const struct filter_value *b)
{
	if (field == FILTER_PID || field == FILTER_UID)
		return a->number == b->number;
	if (field == FILTER_CONTAINER)
		return !strcasecmp(a->text, b->text);
	return !strcmp(a->text, b->text);
}

/* Returns whether all that the value wanted means is also meant by the exclusion. */
static bool covers(enum filter_field field, const struct filter_value *exclusion,
		   const struct filter_value *wanted)
{
	if (same_value(field, exclusion, wanted))
		return true;
	if (field == FILTER_CGROUP)
		return cgroup_pattern__covers(exclusion->text, wanted->text);
	return field == FILTER_CONTAINER && !exclusion->none && !wanted->none &&
	       !strncasecmp(wanted->text, exclusion->text, strlen(exclusion->text));
}

/* Refuses values that can pass nothing, for what the others of their list are. Returns 0, or an exit status after a message. */
static int check_list(const struct option_def *d, const char *value, const struct filter_list *list,
		      const struct filter_value *v)
{
	static const struct filter_value all = { .text = "/*" };
	char why[320];

	if (v->exclude && d->field == FILTER_CGROUP && covers(d->field, v, &all))
		return option__refuse(d, value, "excludes every cgroup: no call can match");
	for (size_t i = 0; i < list->cnt; i++) {
		const struct filter_value *other = &list->values[i];

		if (other->exclude == v->exclude ||
		    !covers(d->field, v->exclude ? v : other, v->exclude ? other : v))
			continue;
		if (same_value(d->field, v, other))
			return option__refuse(d, value,
					      "is both wanted and excluded: no call can match");
		snprintf(why, sizeof(why),
			 v->exclude
				 ? "excludes all of '%.200s', which is wanted: no call can match"
				 : "is wanted, but '!%.200s' excludes all of it: no call can match",
			 other->text);
		return option__refuse(d, value, why);
	}
	return 0;
}

int option__set_filter(struct option_parse *p, const struct option_def *d, const char *value)
{
	struct filter_list *list = option__member(p, d);
	struct filter_value v = { .exclude = value[0] == '!' }, *grown;
	int err;

	v.text = value + v.exclude;
	if (!*v.text)
		return option__refuse_value(d, value);
	err = parse_filter(d, value, &v);
	if (!err)
		err = check_list(d, value, list, &v);
	if (err)
		return err;
	for (size_t i = 0; i < list->cnt; i++) {
		if (same_value(d->field, &list->values[i], &v))
			return 0;
	}
	grown = realloc(list->values, (list->cnt + 1) * sizeof(*grown));
	if (!grown) {
		log__error("--%s: out of memory", d->name);
		return EX_SOFTWARE;
	}
	list->values = grown;
	list->values[list->cnt++] = v;
	return 0;
}
