/* SPDX-License-Identifier: Apache-2.0 */
#include "render/block.h"

#include <string.h>

#include "render/piece.h"

/* Strings nobody vouches for may be others next time, and so may ancestors. */
static bool is_stamped(const struct task_info *t, const struct ancestry_info *a)
{
	return (t->stamp[0] || (!t->exe && !t->args)) && (t->stamp[1] || !t->cgroup) &&
	       (!a || a->stamp);
}

static struct cached_side *find(const struct fit_plan *plan, const struct task_info *t,
				const struct ancestry_info *a, enum pvm_who who)
{
	struct cached_side *side;
	struct side_key key;
	uint32_t hash;

	if (!t->task || !is_stamped(t, a))
		return NULL;
	hash = piece__hash(t->task->start_ns ^ (uint64_t)t->task->tid << 20);
	/* Pieces of both come in turn: neither may have the other's place. */
	side = &plan->cache->sides[who][hash % CACHE_SIDES];
	key.task = *t->task;
	key.stamp[0] = t->stamp[0];
	key.stamp[1] = t->stamp[1];
	key.ancestry = a ? a->stamp : 0;
	key.clock = a ? a->clock : 0;
	key.real_start_ns = t->real_start_ns;
	if (!memcmp(&side->key, &key, sizeof(key)))
		return side;
	side->key = key;
	side->kept = 0;
	side->used = 0;
	return side;
}

/* Returns where pieces of a side are kept; NULL: nowhere. */
static struct cached_side *side_of(struct fit_plan *plan, enum pvm_who who)
{
	const struct call_info *c = plan->call;

	if (!plan->whole)
		return NULL;
	if (!(plan->looked & 1u << who)) {
		plan->looked |= (uint8_t)(1u << who);
		plan->sides[who] = find(plan, who == PVM_CALLER ? &c->caller : &c->target,
					c->ancestry[who], who);
	}
	return plan->sides[who];
}

bool block__begin(struct json *j, struct fit_plan *plan, enum pvm_who who, unsigned int block,
		  size_t *from)
{
	const struct cached_side *side = side_of(plan, who);

	if (side && side->kept & (1u << block)) {
		piece__copy(j, side->text + side->at[block], side->len[block]);
		return false;
	}
	*from = piece__mark(j);
	return true;
}

void block__end(const struct json *j, const struct fit_plan *plan, enum pvm_who who,
		unsigned int block, size_t from)
{
	struct cached_side *side = plan->whole ? plan->sides[who] : NULL;
	size_t len = piece__len(j, from);

	if (!side || j->failed || len > sizeof(side->text) - side->used)
		return;
	memcpy(side->text + side->used, j->buf + from, len);
	side->at[block] = side->used;
	side->len[block] = (uint16_t)len;
	side->used = (uint16_t)(side->used + len);
	side->kept |= (uint8_t)(1u << block);
}

static struct verdict_key verdict_key(const struct call_info *c)
{
	const struct access_info *a = &c->access;
	const struct verdict_key key = {
		.is = { (uint8_t)c->raw->kinship, (uint8_t)c->same_uid, (uint8_t)c->same_user,
			(uint8_t)c->same_container, (uint8_t)c->same_pid_ns,
			(uint8_t)c->same_mnt_ns, (uint8_t)c->same_memory, (uint8_t)a->by,
			(uint8_t)a->denied_by, (uint8_t)a->inferred, (uint8_t)a->cap_sys_ptrace,
			(uint8_t)a->caps_covered, (uint8_t)a->traces_target, (uint8_t)a->yama },
		.resolved = c->target.task != NULL,
		.there = 1,
	};

	return key;
}

bool block__verdict(struct json *j, struct fit_plan *plan, const struct call_info *c, size_t *from)
{
	struct verdict_key key;
	struct cached_verdict *v;
	uint64_t half[2];

	*from = piece__mark(j);
	if (!plan->whole)
		return true;
	key = verdict_key(c);
	memcpy(half, &key, sizeof(half));
	v = &plan->cache->verdicts[piece__hash(half[0] ^ half[1] << 7) % CACHE_VERDICTS];
	if (!memcmp(&v->key, &key, sizeof(key))) {
		piece__copy(j, v->text, v->len);
		return false;
	}
	v->key = (struct verdict_key){ .there = 0 };
	plan->verdict = v;
	plan->verdict_key = key;
	return true;
}

void block__verdict_end(const struct json *j, const struct fit_plan *plan, size_t from)
{
	struct cached_verdict *v = plan->whole ? plan->verdict : NULL;
	size_t len = piece__len(j, from);

	if (!v || j->failed || len > sizeof(v->text))
		return;
	memcpy(v->text, j->buf + from, len);
	v->len = (uint16_t)len;
	v->key = plan->verdict_key;
}
