/* SPDX-License-Identifier: Apache-2.0 */
#include "event/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/lru.h"
#include "event/path.h"

struct text {
	struct lru_node node;
	uint64_t id;
	char *at;
	size_t len;
};

struct texts {
	struct texts_opts opts;
	struct lru all;
	uint64_t tick;
	size_t bytes;
	uint64_t evicted;
};

struct texts *texts__new(const struct texts_opts *opts)
{
	struct texts *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->opts = *opts;
	lru__init(&t->all, sizeof(struct text), offsetof(struct text, id),
		  sizeof(((struct text *)0)->id), &t->tick);
	return t;
}

static void text__free(struct texts *t, struct text *text)
{
	lru__remove(&t->all, &text->node);
	t->bytes -= text->len;
	free(text->at);
	free(text);
}

void texts__free(struct texts *t)
{
	struct text *text;

	if (!t)
		return;
	while ((text = lru__oldest(&t->all)))
		text__free(t, text);
	free(t);
}

static void forget(const struct texts *t, uint64_t id)
{
	if (t->opts.on_evict)
		t->opts.on_evict(t->opts.ctx, id);
}

static void trim(struct texts *t)
{
	while (lru__cnt(&t->all) > t->opts.cnt_max || t->bytes > t->opts.bytes_max) {
		struct text *text = lru__oldest(&t->all);
		uint64_t id = text->id;

		text__free(t, text);
		t->evicted++;
		forget(t, id);
	}
}

/* A label is one name. */
static char *label(const struct pvm_path *rec, size_t *len)
{
	*len = strnlen((const char *)rec->data, rec->len);
	return strndup((const char *)rec->data, *len);
}

int texts__put(struct texts *t, const struct pvm_path *rec)
{
	uint64_t id = rec->id;
	struct text *text = lru__get(&t->all, &id);
	char *at = NULL;
	size_t len = 0;

	if (text)
		at = rec->hdr.type == PVM_LABEL ? label(rec, &len) : path__join(rec, &len);
	if (!at) {
		if (text && !text->at)
			text__free(t, text);
		t->evicted++;
		forget(t, id);
		return -ENOMEM;
	}
	t->bytes += len;
	t->bytes -= text->len;
	free(text->at);
	text->at = at;
	text->len = len;
	trim(t);
	return 0;
}

const char *texts__find(struct texts *t, uint64_t id, size_t *len)
{
	const struct text *text = lru__find(&t->all, &id, sizeof(id));

	*len = text ? text->len : 0;
	return text ? text->at : NULL;
}

uint64_t texts__evicted(const struct texts *t)
{
	return t->evicted;
}
