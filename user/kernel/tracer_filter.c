/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/tracer_filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "bpf/keys.h"

static uint32_t verdict_of(const struct filter_value *value)
{
	return value->exclude ? PVM_EXCLUDE : PVM_INCLUDE;
}

uint32_t filter_mask(const struct filter_list *list)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < list->cnt; i++)
		mask |= 1u << verdict_of(&list->values[i]);
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
	size_t cnt = o->filter[PVM_CALLER][field].cnt + o->filter[PVM_TARGET][field].cnt;

	return cnt ? (uint32_t)cnt : 1;
}

static int fill_uids(const struct filter_list *list, uint32_t who, int fd)
{
	for (size_t i = 0; i < list->cnt; i++) {
		struct pvm_uid_key key = { .who = who, .uid = list->values[i].number };
		uint32_t verdict = verdict_of(&list->values[i]);

		if (bpf_map_update_elem(fd, &key, &verdict, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int fill_comms(const struct filter_list *list, uint32_t who, int fd)
{
	for (size_t i = 0; i < list->cnt; i++) {
		struct pvm_comm_key key = { .who = who };
		uint32_t verdict = verdict_of(&list->values[i]);

		memcpy(key.comm, list->values[i].text,
		       strnlen(list->values[i].text, sizeof(key.comm) - 1));
		if (bpf_map_update_elem(fd, &key, &verdict, BPF_ANY))
			return -errno;
	}
	return 0;
}

int filter_fill(const struct options *o, int uid_fd, int comm_fd)
{
	int err = 0;

	for (uint32_t who = 0; who < 2 && !err; who++) {
		err = fill_uids(&o->filter[who][FILTER_UID], who, uid_fd);
		if (!err)
			err = fill_comms(&o->filter[who][FILTER_COMM], who, comm_fd);
	}
	return err;
}

struct pid_binder {
	int fd;
	filter_look_fn look;
	void *ctx;
	struct pid_watch *watch; /* by enum pvm_who */
	uint32_t place;		 /* the last one that was given */
};

static int bind_pid(struct pid_binder *b, uint32_t who, const struct filter_value *value)
{
	static const char *const names[] = { "--caller-pid", "--target-pid" };
	struct pvm_pid_key key = { .who = who, .pid = value->number };
	struct pvm_pid_val val = { .verdict = verdict_of(value) };
	uint64_t start_ns = 0;
	bool has_place = who == PVM_TARGET && !value->exclude;
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
	val.start_ns = start_ns;
	if (!value->exclude)
		pid_watch__add(&b->watch[who], value->number);
	return bpf_map_update_elem(b->fd, &key, &val, BPF_ANY) ? -errno : 0;
}

int filter_bind_pids(const struct options *o, int pid_fd, filter_look_fn look, void *ctx,
		     struct pid_watch watch[2])
{
	struct pid_binder b = { .fd = pid_fd, .look = look, .ctx = ctx, .watch = watch };
	int err = 0;

	for (uint32_t who = 0; who < 2; who++) {
		const struct filter_list *list = &o->filter[who][FILTER_PID];

		for (size_t i = 0; i < list->cnt && !err; i++)
			err = bind_pid(&b, who, &list->values[i]);
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
