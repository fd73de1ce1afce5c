/* SPDX-License-Identifier: Apache-2.0 */
#include "render/relatives.h"

#include <string.h>

#include "event/path.h"
#include "render/common.h"

/* Unix98 terminals (Documentation/admin-guide/devices.txt): the kernel calls them "pts3". */
#define PTS_MAJOR 136
#define PTS_MAJOR_LAST 143

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

const char *relative__exe(struct render_cache *cache, const struct relative_info *r, size_t *len)
{
	size_t from;

	*len = r->exe ? strnlen(r->exe, r->exe_len) : 0;
	if (*len <= RELATIVE_EXE)
		return *len ? r->exe : NULL;
	from = *len - (RELATIVE_EXE - PATH_CUT_LEN);
	while (from < *len && is_continuation(r->exe[from]))
		from++;
	memcpy(cache->path, PATH_CUT, PATH_CUT_LEN);
	memcpy(cache->path + PATH_CUT_LEN, r->exe + from, *len - from);
	*len += PATH_CUT_LEN - from;
	return cache->path;
}

/* hex: the key of its bytes, where some were replaced. */
static void put_bytes(struct json *j, const char *key, const char *hex, const char *bytes,
		      size_t len)
{
	if (json__bytes(j, key, bytes, len))
		json__bytes_hex(j, hex, bytes, len);
}

static void put_or_null(struct json *j, const char *key, const char *text, bool nulls)
{
	if (text)
		json__str(j, key, text);
	else if (nulls)
		json__null(j, key);
}

static void put_comm(struct json *j, const struct relative_info *r, bool nulls)
{
	if (!r->gone)
		put_bytes(j, "comm", "comm_hex", r->comm, strnlen(r->comm, PVM_COMM_SZ));
	else if (nulls)
		json__null(j, "comm");
}

void relative__put(struct json *j, struct render_cache *cache, const char *key,
		   const struct relative_info *r, bool nulls)
{
	const char *exe;
	size_t len;

	if (!r) {
		if (nulls)
			json__null(j, key);
		return;
	}
	json__open_obj(j, key);
	json__u64(j, "pid", r->pid);
	put_comm(j, r, nulls);
	exe = relative__exe(cache, r, &len);
	if (exe)
		put_bytes(j, "exe", "exe_hex", exe, len);
	else if (nulls)
		json__null(j, "exe");
	common__time(j, cache, "start", r->real_start_ns);
	json__str(j, "entity_id", r->entity_id);
	json__close_obj(j);
}

static void put_ancestors(struct json *j, struct render_cache *cache, const struct ancestry_info *a,
			  bool nulls)
{
	if (!a->cnt) {
		json__empty_arr(j, "ancestors");
		return;
	}
	json__open_arr(j, "ancestors");
	for (size_t i = 0; i < a->cnt; i++)
		relative__put(j, cache, NULL, &a->ancestors[i], nulls);
	json__close_arr(j);
}

void relatives__put(struct json *j, struct render_cache *cache, const struct ancestry_info *a,
		    bool nulls)
{
	put_ancestors(j, cache, a, nulls);
	if (a->above != PVM_ABOVE_UNKNOWN)
		json__bool(j, "ancestors_cut", a->above == PVM_ABOVE_MORE);
	else if (nulls)
		json__null(j, "ancestors_cut");
}

void relatives__session(struct json *j, const struct relative_info *r, bool nulls)
{
	if (!r) {
		if (nulls)
			json__null(j, "session_leader");
		return;
	}
	json__open_obj(j, "session_leader");
	json__u64(j, "pid", r->pid);
	put_comm(j, r, nulls);
	put_or_null(j, "entity_id", r->gone ? NULL : r->entity_id, nulls);
	json__close_obj(j);
}

void relatives__tty(struct json *j, const struct ancestry_info *a, bool nulls)
{
	const uint32_t major = a ? a->tty_dev >> 20 : 0;
	char name[PVM_TTY_SZ + 2] = "";
	size_t len = a ? strnlen(a->tty, PVM_TTY_SZ) : 0;

	if (!a || !a->tty_dev || !len) {
		if (nulls)
			json__null(j, "tty");
		return;
	}
	memcpy(name, a->tty, len);
	if (major >= PTS_MAJOR && major <= PTS_MAJOR_LAST && len > 3 && !memcmp(name, "pts", 3)) {
		memmove(name + 4, name + 3, len - 3);
		name[3] = '/';
		len++;
	}
	json__bytes(j, "tty", name, len);
}

const struct relative_info *relatives__parent(const struct call_info *c, enum pvm_who who)
{
	const struct ancestry_info *a = c->ancestry[who];

	return a && a->cnt ? a->ancestors : NULL;
}
