/* SPDX-License-Identifier: Apache-2.0 */
#include "event/region_filter.h"

#include <fnmatch.h>
#include <string.h>

#include "bpf/rules.h"
#include "event/decode_list.h"
#include "event/names.h"
#include "event/path.h"
#include "event/regions.h"

/* A path that lacks its first names may be any that ends so; one below another root may have been any. */
static bool may_be_any(const struct region_info *r)
{
	return path__begins(r->text, r->text_len, PATH_CUT) ||
	       path__begins(r->text, r->text_len, PATH_UNREACHABLE);
}

/* A name that whoever made the memory liked does not pass for a file in a folder. */
static void hide_slashes(char *name)
{
	while ((name = strchr(name, '/')))
		*name = '\1';
}

static enum tristate hit_file(const char *pattern, const struct region_info *r)
{
	char path[PVM_PATH_MAX + 1];

	if (r->raw->kind != PVM_REGION_FILE)
		return NO;
	if (!r->text || r->text_len >= sizeof(path) || may_be_any(r))
		return UNKNOWN;
	memcpy(path, r->text, r->text_len);
	path[r->text_len] = '\0';
	if (path__begins(r->text, r->text_len, PATH_MEMFD))
		hide_slashes(path + PATH_MEMFD_LEN);
	return fnmatch(pattern, path, 0) ? NO : YES;
}

/* of: a struct region_info; NULL: it is not known what lies there. */
static enum tristate hit_region(const struct filter_value *value, const void *of)
{
	const struct region_info *r = of;

	if (!r || r->raw->kind == PVM_REGION_UNKNOWN)
		return UNKNOWN;
	if (!strncmp(value->text, REGION_FILE, REGION_FILE_LEN))
		return hit_file(value->text + REGION_FILE_LEN, r);
	if (!strcmp(value->text, REGION_EXEC))
		return r->raw->perms & PVM_REGION_EXEC ? YES : NO;
	return strcmp(value->text, region_name(r->raw)) ? NO : YES;
}

/* It touches nothing. */
static enum tristate hit_nothing(const struct filter_value *value, const void *of)
{
	(void)value;
	(void)of;
	return NO;
}

/* Returns what holds of these regions and of what was looked at before (is). */
static enum tristate regions_hold(const struct rule *r, enum tristate is,
				  const struct regions_info *regions)
{
	for (uint32_t i = 0; regions->known && i < regions->cnt; i++)
		is = holds__joined(r, is, holds__list(&r->region, hit_region, &regions->at[i]));
	return is;
}

/* Returns whether a later look found that an element reaches beyond a mapping. */
static bool ran_on(const struct regions_info *later)
{
	for (uint32_t i = 0; later->known && i < later->cnt; i++) {
		if (later->at[i].runs_on == YES)
			return true;
	}
	return false;
}

/* Returns whether the call touched nothing, for certain: bytes that moved touched something, and only a list that was read whole
 * and stayed the same says that it asked for none. */
static bool touches_nothing(const struct call_info *call)
{
	const struct list_info *remote = &call->remote;

	if (!remote->count)
		return true;
	if (!pvm_has_exit(call->raw->phase) || (call->ret_known && call->ret > 0))
		return false;
	return !call->target.task || (list__is_certain(remote) && !remote->total_len);
}

/* Returns whether the kernel can have read another list than the one that is told: a call that has not ended may yet read it, and
 * of one that was not there at the entry, or not at the exit, only the pages that were held say more. */
static bool is_other_list(const struct call_info *call)
{
	if (!pvm_has_exit(call->raw->phase) || call->remote.changed == YES || call->confirmed == NO)
		return true;
	return call->remote.changed == UNKNOWN && call->confirmed != YES;
}

/* Returns whether the call can have touched what no region tells of: an element that was not looked at, or another one than
 * was. */
static bool is_open(const struct call_info *call)
{
	const struct regions_info *regions = &call->regions;
	const struct list_info *remote = &call->remote;
	uint32_t at = 0;

	if (remote->captured < remote->count || is_other_list(call) ||
	    call->raw->flags & (PVM_CALL_TARGET_MOVED | PVM_CALL_TARGET_UNSURE) ||
	    ran_on(&call->regions_exit))
		return true;
	for (uint32_t i = 0; i < remote->captured; i++) {
		const struct pvm_region *r;

		if (!remote->iov[i].len)
			continue;
		while (at < regions->cnt &&
		       i >= (uint32_t)regions->at[at].raw->first + regions->at[at].raw->cnt)
			at++;
		if (at == regions->cnt)
			return true;
		r = regions->at[at].raw;
		if (i < r->first || regions__reach_out(r, &remote->iov[i], call->raw->abi))
			return true;
	}
	return false;
}

enum tristate region_filter__holds(const struct rule *r, const struct call_info *call)
{
	const struct filter_list *list = &r->region;

	if (!list->cnt)
		return YES;
	if (call->raw->flags & PVM_CALL_AUDIT || call->summed)
		return UNKNOWN;
	/* What drops a call has to be sure of the list that the kernel read. */
	if (r->action == RULE_DROP &&
	    (!pvm_has_exit(call->raw->phase) || call->remote.changed != NO))
		return UNKNOWN;
	if (touches_nothing(call))
		return holds__list(list, hit_nothing, NULL);
	if (!call->target.task || !call->regions.known || !call->regions.cnt || is_open(call))
		return holds__list(list, hit_region, NULL);
	return regions_hold(r, regions_hold(r, r->action == RULE_DROP ? YES : NO, &call->regions),
			    &call->regions_exit);
}
