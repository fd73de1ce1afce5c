/* SPDX-License-Identifier: Apache-2.0 */
#include "event/ancestry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The leader of the session and a tracer come behind the ancestors. */
#define RELATIVES_MAX (PVM_ANCESTORS_MAX + 2)

struct ancestry {
	struct lru_node node;
	uint64_t id;
	size_t bytes;
	struct ancestry_info info;
	struct relative_info *relatives; /* the executables' paths are behind them */
};

void ancestries__init(struct ancestries *a, uint64_t *tick)
{
	lru__init(&a->all, sizeof(struct ancestry), offsetof(struct ancestry, id), sizeof(uint64_t),
		  tick);
	a->bytes = 0;
}

static void forget(struct ancestries *a, struct ancestry *e)
{
	lru__remove(&a->all, &e->node);
	a->bytes -= e->bytes;
	free(e->relatives);
	free(e);
}

uint64_t ancestries__evict(struct ancestries *a)
{
	struct ancestry *e = lru__oldest(&a->all);
	uint64_t id = e ? e->id : 0;

	if (e)
		forget(a, e);
	return id;
}

struct ancestry_info *ancestries__find(struct ancestries *a, uint64_t id)
{
	struct ancestry *e = lru__find(&a->all, &id, sizeof(id));

	return e ? &e->info : NULL;
}

static bool is_valid(const struct pvm_ancestry *rec, size_t size)
{
	return size >= sizeof(*rec) && rec->hdr.size == size &&
	       rec->hdr.version == PVM_WIRE_VERSION && rec->hdr.type == PVM_ANCESTRY && rec->id &&
	       rec->cnt <= PVM_ANCESTORS_MAX && rec->above <= PVM_ABOVE_MORE &&
	       rec->cnt <= (size - sizeof(*rec)) / sizeof(rec->ancestors[0]);
}

/* What is known of one; text: where its path goes. Returns where the next one's does. */
static char *fill(struct relative_info *out, const struct pvm_relative *r,
		  const struct task_info *known, char *text)
{
	out->pid = r->pid;
	out->gone = r->gone;
	out->start_ns = r->start_ns;
	memcpy(out->comm, r->comm, sizeof(out->comm));
	if (!r->gone)
		memcpy(out->entity_id, known->entity_id, sizeof(out->entity_id));
	out->lacks_exe = r->flags & PVM_TASK_EXE && !known->exe;
	if (!known->exe || !known->exe_len)
		return text;
	memcpy(text, known->exe, known->exe_len);
	out->exe = text;
	out->exe_len = known->exe_len;
	return text + known->exe_len;
}

static void look_up(const struct pvm_relative *r, struct task_info *known, ancestry_known_fn ask,
		    void *ctx)
{
	const struct pvm_task task = {
		.start_ns = r->start_ns,
		.exe_ino = r->exe_ino,
		.pid = r->pid,
		.exe_dev = r->exe_dev,
		.exec_id = r->exec_id,
		.flags = r->flags & PVM_TASK_EXE,
	};

	ask(ctx, &task, known);
}

int ancestries__put(struct ancestries *a, const void *data, size_t size, uint64_t stamp,
		    ancestry_known_fn ask, void *ctx)
{
	const struct pvm_ancestry *rec = data;
	const struct pvm_relative *list[RELATIVES_MAX];
	struct task_info known[RELATIVES_MAX];
	size_t cnt = 0, texts = 0;
	struct ancestry *e, *old;
	char *text;

	if (!is_valid(rec, size))
		return -EBADMSG;
	for (; cnt < rec->cnt; cnt++)
		list[cnt] = &rec->ancestors[cnt];
	list[cnt++] = &rec->session;
	list[cnt++] = &rec->tracer;
	for (size_t i = 0; i < cnt; i++) {
		look_up(list[i], &known[i], ask, ctx);
		texts += known[i].exe_len;
	}
	old = lru__find(&a->all, &rec->id, sizeof(rec->id));
	if (old)
		forget(a, old);
	e = lru__get(&a->all, &rec->id);
	if (!e)
		return -ENOMEM;
	e->relatives = calloc(1, cnt * sizeof(*e->relatives) + texts);
	if (!e->relatives) {
		forget(a, e);
		return -ENOMEM;
	}
	e->bytes = sizeof(*e) + cnt * sizeof(*e->relatives) + texts;
	a->bytes += e->bytes;
	text = (char *)(e->relatives + cnt);
	for (size_t i = 0; i < cnt; i++)
		text = fill(&e->relatives[i], list[i], &known[i], text);
	e->info =
		(struct ancestry_info){ .ancestors = e->relatives,
					.cnt = rec->cnt,
					.session = rec->session.pid ? &e->relatives[cnt - 2] : NULL,
					.tracer = rec->tracer.pid ? &e->relatives[cnt - 1] : NULL,
					.tty_dev = rec->tty_dev,
					.above = (enum pvm_above)rec->above,
					.stamp = stamp };
	memcpy(e->info.tty, rec->tty, sizeof(e->info.tty));
	return 0;
}
