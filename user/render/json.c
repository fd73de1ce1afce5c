/* SPDX-License-Identifier: Apache-2.0 */
/* json - schema pvmtrace/1: what all records have in common, and which file renders
 * which. */
#include <errno.h>
#include <string.h>

#include "render/common.h"
#include "render/json.h"

#define HOST_TEXT 1024

void json_time(struct json *j, const char *key, uint64_t real_ns)
{
	common__time(j, key, NULL, real_ns);
}

void json_head(struct json *j, const struct record *r, const char *type)
{
	/* Records come in bursts: the second is mostly the last one's. */
	static struct clock_text cache, told_cache;

	json__open_obj(j, NULL);
	common__time(j, "time", &cache, r->real_ns);
	JSON_RAW(j, "\"schema\":\"pvmtrace/1\"");
	json__str(j, "type", type);
	json__u64(j, "seq", r->seq);
	common__time(j, "told", &told_cache, r->told_ns);
	common__run(j, r);
	common__id(j, "id", r);
}

static void put_host_text(struct json *j, const char *key, const char *text)
{
	if (*text)
		json__bytes(j, key, text, strlen(text));
	else
		json__null(j, key);
}

static void put_host(struct json *j, const struct host *host)
{
	json__open_obj(j, "host");
	put_host_text(j, "name", host->name);
	if (json__needs_hex(host->name, strlen(host->name)))
		json__bytes_hex(j, "name_hex", host->name, strlen(host->name));
	put_host_text(j, "machine_id", host->machine_id);
	put_host_text(j, "boot_id", host->boot_id);
	json__close_obj(j);
}

/* A run has one host, and every line tells it: it is rendered once. */
void json_host(struct json *j, const struct host *host)
{
	static struct host last;
	static char text[HOST_TEXT];
	static size_t text_len;
	size_t from = j->len + j->comma;

	if (text_len && !memcmp(last.name, host->name, sizeof(last.name)) &&
	    !memcmp(last.machine_id, host->machine_id, sizeof(last.machine_id)) &&
	    !memcmp(last.boot_id, host->boot_id, sizeof(last.boot_id))) {
		json__raw(j, NULL, text, text_len);
		return;
	}
	put_host(j, host);
	if (j->failed || j->len - from > sizeof(text))
		return;
	last = *host;
	text_len = j->len - from;
	memcpy(text, j->buf + from, text_len);
}

int render_json(const struct record *r, const struct render_opts *o, struct json *out)
{
	switch (r->type) {
	case REC_CALL:
		return json_call(r, o, out);
	case REC_SUMMARY:
		return json_summary(r, o, out);
	case REC_START:
		return json_start(r, o, out);
	case REC_REOPEN:
		return json_reopen(r, o, out);
	default:
		return json_state(r, o, out);
	}
}
