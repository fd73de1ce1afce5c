/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/tracer_filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "bpf/keys.h"
#include "kernel/map_check.h"

/* Returns what a value means to rule number n. */
static uint32_t meaning_of(const struct filter_value *value, size_t n)
{
	return (value->exclude ? PVM_EXCLUDED(1u) : PVM_WANTED(1u)) << n;
}

uint32_t filter_masks(const struct options *o, int who, enum filter_field field)
{
	uint32_t mask = 0;

	for (size_t n = 0; n < o->rule_cnt; n++) {
		const struct filter_list *list = &o->rules[n].filter[who][field];

		for (size_t i = 0; i < list->cnt; i++)
			mask |= meaning_of(&list->values[i], n);
	}
	return mask;
}

uint32_t filter_includes(const struct filter_list *list)
{
	uint32_t cnt = 0;

	for (size_t i = 0; i < list->cnt; i++)
		cnt += !list->values[i].exclude;
	return cnt;
}

uint32_t filter_room(const struct options *o, enum filter_field field)
{
	size_t cnt = 0;

	for (size_t n = 0; n < o->rule_cnt; n++)
		cnt += o->rules[n].filter[PVM_CALLER][field].cnt +
		       o->rules[n].filter[PVM_TARGET][field].cnt;
	return cnt ? (uint32_t)cnt : 1;
}

/* This is a map that is being filled. */
struct filling {
	int fd;
	struct map_check *check;
	enum pvm_checked_map map;
};

/* Adds to what a key means: other rules may have it too. */
static int put_meaning(const struct filling *f, const void *key, size_t key_sz, uint32_t meant)
{
	uint32_t before = 0;
	const bool there = !bpf_map_lookup_elem(f->fd, key, &before);

	meant |= before;
	if (bpf_map_update_elem(f->fd, key, &meant, BPF_ANY))
		return -errno;
	map_check__put(f->check, f->map, key, key_sz, &meant, sizeof(meant),
		       there ? &before : NULL);
	return 0;
}

static int fill_uids(const struct rule *r, size_t n, uint32_t who, const struct filling *f)
{
	const struct filter_list *list = &r->filter[who][FILTER_UID];
	int err = 0;

	for (size_t i = 0; i < list->cnt && !err; i++) {
		struct pvm_uid_key key = { .who = who, .uid = list->values[i].number };

		err = put_meaning(f, &key, sizeof(key), meaning_of(&list->values[i], n));
	}
	return err;
}

static int fill_comms(const struct rule *r, size_t n, uint32_t who, const struct filling *f)
{
	const struct filter_list *list = &r->filter[who][FILTER_COMM];
	int err = 0;

	for (size_t i = 0; i < list->cnt && !err; i++) {
		struct pvm_comm_key key = { .who = who };

		memcpy(key.comm, list->values[i].text,
		       strnlen(list->values[i].text, sizeof(key.comm) - 1));
		err = put_meaning(f, &key, sizeof(key), meaning_of(&list->values[i], n));
	}
	return err;
}

int filter_fill(const struct options *o, int uid_fd, int comm_fd, struct map_check *check)
{
	const struct filling uids = { uid_fd, check, PVM_CHECKED_UID };
	const struct filling comms = { comm_fd, check, PVM_CHECKED_COMM };
	int err = 0;

	for (size_t n = 0; n < o->rule_cnt; n++) {
		for (uint32_t who = 0; who < 2 && !err; who++) {
			err = fill_uids(&o->rules[n], n, who, &uids);
			if (!err)
				err = fill_comms(&o->rules[n], n, who, &comms);
		}
	}
	return err;
}

struct pid_binder {
	int fd;
	filter_look_fn look;
	void *ctx;
	struct pid_watch *watch; /* by enum pvm_who */
	struct map_check *check;
	uint32_t place; /* the last one that was given */
};

static int bind_pid(struct pid_binder *b, size_t n, uint32_t who, const struct filter_value *value)
{
	static const char *const names[] = { "--caller-pid", "--target-pid" };
	struct pvm_pid_key key = { .who = who, .pid = value->number };
	struct pvm_pid_val val = { .meant = 0 }, before;
	uint64_t start_ns = 0;
	bool there, has_place = who == PVM_TARGET && !value->exclude;
	uint32_t tgid = 0;
	int err;

	err = b->look(b->ctx, value->number, has_place ? ++b->place : 0, &tgid, &start_ns);
	if (err)
		return err;
	if (!tgid) {
		log__error("%s %s: there is no process with this pid", names[who], value->text);
		return EX_USAGE;
	}
	if (tgid != value->number) {
		log__error("%s %s: this is a thread of process %u: give that pid, the filter holds "
			   "for all of its threads",
			   names[who], value->text, tgid);
		return EX_USAGE;
	}
	/* Of another start it is what a process meant that has ended between two rules. */
	there = !bpf_map_lookup_elem(b->fd, &key, &val);
	before = val;
	if (val.start_ns != start_ns)
		val.meant = 0;
	val.start_ns = start_ns;
	val.meant |= meaning_of(value, n);
	if (!value->exclude)
		pid_watch__add(&b->watch[who], value->number);
	if (bpf_map_update_elem(b->fd, &key, &val, BPF_ANY))
		return -errno;
	map_check__put(b->check, PVM_CHECKED_PID, &key, sizeof(key), &val, sizeof(val),
		       there ? &before : NULL);
	return 0;
}

int filter_bind_pids(const struct options *o, int pid_fd, filter_look_fn look, void *ctx,
		     struct pid_watch watch[2], struct map_check *check)
{
	struct pid_binder b = { .fd = pid_fd,
				.look = look,
				.ctx = ctx,
				.watch = watch,
				.check = check };
	int err = 0;

	for (size_t n = 0; n < o->rule_cnt; n++) {
		for (uint32_t who = 0; who < 2; who++) {
			const struct filter_list *list = &o->rules[n].filter[who][FILTER_PID];

			for (size_t i = 0; i < list->cnt && !err; i++)
				err = bind_pid(&b, n, who, &list->values[i]);
		}
	}
	return err;
}

bool filter_memory_left(const struct pvm_memory *memories, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		if (__atomic_load_n(&memories[i].left, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}
