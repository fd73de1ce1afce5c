/* SPDX-License-Identifier: Apache-2.0 */
#include "render/regions.h"

#include <string.h>

#include "event/names.h"
#include "event/path.h"
#include "render/piece.h"

void regions__perms(const struct pvm_region *r, char out[REGIONS_PERMS_SZ])
{
	out[0] = '\0';
	if (r->kind <= PVM_REGION_NONE)
		return;
	out[0] = r->perms & PVM_REGION_READ ? 'r' : '-';
	out[1] = r->perms & PVM_REGION_WRITE ? 'w' : '-';
	out[2] = r->perms & PVM_REGION_EXEC ? 'x' : '-';
	out[3] = r->perms & PVM_REGION_MAYSHARE ? 's' : 'p';
	out[4] = '\0';
}

/* A list of two numbers is for one format only: some readers of the others know no list of lists. */
static void put_elements(struct json *j, const struct pvm_region *r, bool nulls)
{
	if (nulls) {
		json__open_arr(j, "elements");
		json__u64(j, NULL, r->first);
		json__u64(j, NULL, r->cnt);
		json__close_arr(j);
		return;
	}
	json__open_obj(j, "elements");
	json__u64(j, "first", r->first);
	json__u64(j, "count", r->cnt);
	json__close_obj(j);
}

static void put_null(struct json *j, const char *key, bool nulls)
{
	if (nulls)
		json__null(j, key);
}

/* Where the last characters begin that take max bytes or less. */
static size_t tail_of(const char *text, size_t len, size_t max)
{
	size_t at = 0, escaped;

	while (len - at > max)
		at += json__char(text + at, len - at, &escaped);
	return at;
}

/* A path is known by its end. */
static void put_text(struct json *j, const char *key, const char *hex_key, const char *text,
		     size_t len, size_t max)
{
	char shown[PVM_PATH_MAX + PATH_CUT_LEN];

	if (len > max && max <= PVM_PATH_MAX) {
		size_t from = tail_of(text, len, max);

		memcpy(shown, PATH_CUT, PATH_CUT_LEN);
		memcpy(shown + PATH_CUT_LEN, text + from, len - from);
		text = shown;
		len += PATH_CUT_LEN - from;
	}
	if (json__bytes(j, key, text, len))
		json__bytes_hex(j, hex_key, text, len);
}

static void put_texts(struct json *j, const struct region_info *info, size_t max, bool nulls)
{
	bool file = info->raw->kind == PVM_REGION_FILE;

	if (info->text && file)
		put_text(j, "file", "file_hex", info->text, info->text_len, max);
	else
		put_null(j, "file", nulls);
}

static void put_name(struct json *j, const struct region_info *info, size_t max, bool nulls)
{
	if (info->text && info->raw->kind != PVM_REGION_FILE)
		put_text(j, "name", "name_hex", info->text, info->text_len, max);
	else
		put_null(j, "name", nulls);
}

static void put_place(struct json *j, const struct region_info *info, bool nulls)
{
	const struct pvm_region *r = info->raw;
	const char *kind = region_name(r);
	char perms[REGIONS_PERMS_SZ];

	if (kind || nulls)
		json__word(j, "kind", kind);
	if (r->kind <= PVM_REGION_NONE) {
		put_null(j, "perms", nulls);
		put_null(j, "start", nulls);
		put_null(j, "end", nulls);
		put_null(j, "runs_on", nulls);
		return;
	}
	regions__perms(r, perms);
	json__str(j, "perms", perms);
	json__hex(j, "start", r->start);
	json__hex(j, "end", r->end);
	if (info->runs_on != UNKNOWN)
		json__bool(j, "runs_on", info->runs_on);
	else
		put_null(j, "runs_on", nulls);
}

static void put_offset(struct json *j, const struct pvm_region *r, bool nulls)
{
	if (r->flags & PVM_REGION_BACKED)
		json__hex(j, "offset", r->offset);
	else
		put_null(j, "offset", nulls);
}

static void put_backing(struct json *j, const struct region_info *info, size_t text_max, bool nulls)
{
	const struct pvm_region *r = info->raw;
	bool backed = r->flags & PVM_REGION_BACKED;

	put_texts(j, info, text_max, nulls);
	if (backed)
		json__dev(j, "dev", r->dev);
	else
		put_null(j, "dev", nulls);
	if (backed && r->ino <= JSON_MAX_INT)
		json__u64(j, "ino", r->ino);
	else
		put_null(j, "ino", nulls);
	if (r->kind == PVM_REGION_FILE)
		json__bool(j, "deleted", r->flags & PVM_REGION_DELETED);
	else
		put_null(j, "deleted", nulls);
	put_name(j, info, text_max, nulls);
}

void regions__put_one(struct json *j, const struct region_info *info, size_t text_max, bool nulls)
{
	json__open_obj(j, NULL);
	put_elements(j, info->raw, nulls);
	put_place(j, info, nulls);
	put_offset(j, info->raw, nulls);
	put_backing(j, info, text_max, nulls);
	json__close_obj(j);
}

static struct region_key key_of(const struct region_info *info)
{
	const struct pvm_region *r = info->raw;

	return (struct region_key){
		.start = r->start,
		.end = r->end,
		.ino = r->ino,
		.dev = r->dev,
		.kind = r->kind,
		.perms = r->perms,
		.flags = r->flags,
		.runs_on = (uint8_t)info->runs_on,
		.text_len = info->text ? (uint32_t)info->text_len + 1 : 0,
		.there = 1,
	};
}

static bool is_kept(const struct cached_region *c, const struct region_key *key,
		    const struct region_info *info)
{
	return !memcmp(&c->key, key, sizeof(*key)) &&
	       (!info->text || !memcmp(c->path, info->text, info->text_len));
}

/* first: how much of it stands ahead of the offset. */
static void keep(struct cached_region *c, const struct region_key *key,
		 const struct region_info *info, const char *text, size_t first, size_t len)
{
	c->key = *key;
	c->first = (uint16_t)first;
	c->len = (uint16_t)len;
	memcpy(c->text, text, len);
	if (info->text)
		memcpy(c->path, info->text, info->text_len);
}

/* Puts one as regions__put_one does, if nothing of it is to be cut. */
static void put_whole(struct json *j, struct render_cache *cache, const struct region_info *info,
		      bool nulls)
{
	const struct region_key key = key_of(info);
	struct cached_region *c =
		&cache->regions[piece__hash(key.start ^ key.end << 1) % CACHE_REGIONS];
	char text[CACHE_REGION];
	size_t from, first, second;

	json__open_obj(j, NULL);
	put_elements(j, info->raw, nulls);
	if (is_kept(c, &key, info)) {
		piece__copy(j, c->text, c->first);
		put_offset(j, info->raw, nulls);
		piece__copy(j, c->text + c->first, (size_t)c->len - c->first);
		json__close_obj(j);
		return;
	}
	from = piece__mark(j);
	put_place(j, info, nulls);
	first = piece__len(j, from);
	if (first <= sizeof(text))
		memcpy(text, j->buf + from, first);
	put_offset(j, info->raw, nulls);
	from = piece__mark(j);
	put_backing(j, info, SIZE_MAX, nulls);
	second = piece__len(j, from);
	if (!j->failed && first + second <= sizeof(text)) {
		memcpy(text + first, j->buf + from, second);
		keep(c, &key, info, text, first, first + second);
	}
	json__close_obj(j);
}

bool regions__cut(const struct regions_info *regions, size_t text_max)
{
	for (uint32_t i = 0; i < regions->cnt; i++) {
		if (regions->at[i].text && regions->at[i].text_len > text_max)
			return true;
	}
	return false;
}

void regions__put(struct json *j, struct render_cache *cache, const char *key,
		  const struct regions_info *regions, uint32_t cnt, size_t text_max, bool nulls)
{
	if (!regions) {
		put_null(j, key, nulls);
		return;
	}
	json__open_arr(j, key);
	for (uint32_t i = 0; i < regions->cnt && i < cnt; i++) {
		const struct region_info *info = &regions->at[i];

		if (cache && (!info->text || info->text_len <= CACHE_REGION_TEXT))
			put_whole(j, cache, info, nulls);
		else
			regions__put_one(j, info, text_max, nulls);
	}
	json__close_arr(j);
}
