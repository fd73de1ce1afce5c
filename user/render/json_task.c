/* SPDX-License-Identifier: Apache-2.0 */
/* json_task - the caller and the target of a call. */
#include <string.h>

#include "render/common.h"
#include "render/json.h"

/* This is one of which nothing is known. */
static const struct task_info no_task = {
	.task = &(const struct pvm_task){ .loginuid = PVM_NO_ID, .sessionid = PVM_NO_ID },
	.bare = true,
};

/* This is one of the strings that a process can choose, and what goes with it. */
struct text {
	const char *key, *hex_key;
	const char *bytes; /* NULL: not known */
	size_t len;
	enum fit_part hex;
};

static void put_hex_key(struct json *j, struct fit_plan *plan, const struct text *text)
{
	if (!fit__begin(j, plan, text->hex))
		return;
	json__bytes_hex(j, text->hex_key, text->bytes, text->len);
	fit__end(j, plan);
}

static void put_name(struct json *j, struct fit_plan *plan, const struct text *text)
{
	if (!text->bytes)
		json__null(j, text->key);
	else if (json__bytes(j, text->key, text->bytes, text->len))
		put_hex_key(j, plan, text);
}

/* Puts a string that stands in its own part, and is null when nothing of that is shown. */
static void put_text(struct json *j, struct fit_plan *plan, enum fit_part part,
		     const struct text *text)
{
	struct text shown = *text;

	if (!text->bytes || !fit__begin(j, plan, part)) {
		json__null(j, text->key);
		return;
	}
	shown.bytes = fit__text(plan, part, text->bytes, &shown.len);
	json__bytes(j, shown.key, shown.bytes, shown.len);
	fit__end(j, plan);
	if (json__needs_hex(shown.bytes, shown.len))
		put_hex_key(j, plan, &shown);
}

/* The caller's own name is never cut. */
static void put_comm(struct json *j, struct fit_plan *plan, const struct task_info *t,
		     bool is_target)
{
	struct text comm = { "comm", "comm_hex", task_is_read(t) ? t->task->comm : NULL,
			     strnlen(t->task->comm, PVM_COMM_SZ), FIT_COMM_HEX + is_target };

	if (is_target && !fit__begin(j, plan, FIT_TARGET))
		return;
	put_name(j, plan, &comm);
	if (is_target)
		fit__end(j, plan);
}

/* What is not known is null. Whether there is an array, or an object, to be closed. */
static bool open_arr(struct json *j, const char *key, bool known)
{
	if (known)
		json__open_arr(j, key);
	else
		json__null(j, key);
	return known;
}

static bool open_obj(struct json *j, const char *key, bool known)
{
	if (known)
		json__open_obj(j, key);
	else
		json__null(j, key);
	return known;
}

/* The brackets belong to the part of the other keys, the arguments to their own. */
void json_args(struct json *j, struct fit_plan *plan, const struct task_info *t)
{
	const char *at = t->args, *arg;
	size_t left = t->args_len, len;
	bool told = at && !fit__omits(plan, FIT_ARGS);

	if (open_arr(j, "args", told)) {
		for (uint32_t i = 0; i < plan->args && (arg = fit__next_arg(&at, &left, &len)); i++)
			json__bytes(j, NULL, arg, len);
		json__close_arr(j);
		common__args_hex(j, plan, t);
	}
	json_tristate(j, "args_cut", !told ? UNKNOWN : t->args_cut ? YES : NO);
}

void json_owner(struct json *j, struct fit_plan *plan, const struct task_info *t)
{
	const struct pvm_task *task = t->task;
	struct text comm = { "comm", "comm_hex", NULL, 0, FIT_OWNER_COMM_HEX };
	struct text exe = { "exe", "exe_hex", t->exe, t->exe_len, FIT_OWNER_EXE_HEX };

	if (!open_obj(j, "memory_of", task))
		return;
	comm.bytes = task->comm;
	comm.len = strnlen(task->comm, PVM_COMM_SZ);
	json__u64(j, "pid", task->pid);
	put_name(j, plan, &comm);
	put_text(j, plan, FIT_OWNER_EXE, &exe);
	json__str(j, "entity_id", t->entity_id);
	json__close_obj(j);
}

/* A number that the contract's range cannot hold is not made another one. */
static void put_id(struct json *j, const char *key, uint64_t id, bool known)
{
	if (known && id <= JSON_MAX_INT)
		json__u64(j, key, id);
	else
		json__null(j, key);
}

static void put_nonzero(struct json *j, const char *key, uint32_t value)
{
	if (value)
		json__u64(j, key, value);
	else
		json__null(j, key);
}

static void put_set(struct json *j, const char *key, uint32_t value)
{
	if (value != PVM_NO_ID)
		json__u64(j, key, value);
	else
		json__null(j, key);
}

static void put_time(struct json *j, struct render_cache *cache, const char *key, bool known,
		     uint64_t real_ns)
{
	if (known)
		common__time(j, cache, key, real_ns);
	else
		json__null(j, key);
}

/* Puts which file was executed; without the record that came with its path, what the call itself says of it. */
static void put_file(struct json *j, struct render_cache *cache, const struct task_info *t)
{
	static const struct pvm_file_id none;
	const bool known = t->task->flags & PVM_TASK_EXE, whole = known && t->file;
	const struct pvm_file_id *file = whole ? t->file : &none;

	if (known && !t->file_vague)
		json__dev(j, "exe_dev", whole ? file->dev : t->task->exe_dev);
	else
		json__null(j, "exe_dev");
	put_id(j, "exe_ino", whole ? file->ino : t->task->exe_ino, known);
	json_tristate(j, "exe_deleted",
		      !known				      ? UNKNOWN
		      : t->task->flags & PVM_TASK_EXE_DELETED ? YES
							      : NO);
	put_id(j, "exe_subvol", file->subvol, file->subvol);
	put_id(j, "exe_gen", file->gen, whole);
	put_id(j, "exe_size", file->size, whole);
	put_time(j, cache, "exe_ctime", whole, file->ctime_ns);
}

static void put_pcomm(struct json *j, struct fit_plan *plan, const struct task_info *t,
		      bool is_target)
{
	const struct text pcomm = { "pcomm", "pcomm_hex", t->bare ? NULL : t->task->pcomm,
				    strnlen(t->task->pcomm, PVM_COMM_SZ),
				    FIT_PCOMM_HEX + is_target };

	put_name(j, plan, &pcomm);
}

static void put_program(struct json *j, struct fit_plan *plan, const struct task_info *t,
			bool is_target)
{
	const struct text exe = { "exe", "exe_hex", t->exe, t->exe_len, FIT_EXE_HEX + is_target };

	put_text(j, plan, FIT_EXE + is_target, &exe);
	put_file(j, plan->cache, t);
}

/* Puts all but the user. */
static void put_creds(struct json *j, struct render_cache *cache, const struct task_info *t,
		      bool is_target)
{
	const struct pvm_task *task = t->task;
	bool known = task->flags & PVM_TASK_CREDS;

	put_id(j, "gid", task->gid, known);
	put_id(j, "euid", task->euid, known);
	put_id(j, "egid", task->egid, known);
	put_id(j, "suid", task->suid, known);
	put_id(j, "sgid", task->sgid, known);
	put_set(j, "loginuid", task->loginuid);
	put_set(j, "sessionid", task->sessionid);
	if (known)
		json__hex(j, "caps_effective", task->caps_effective);
	else
		json__null(j, "caps_effective");
	if (!is_target)
		json_tristate(j, "cap_sys_ptrace", task_may_ptrace(t));
	put_time(j, cache, "start", !t->bare, t->real_start_ns);
}

static void put_cgroup(struct json *j, struct fit_plan *plan, const struct task_info *t,
		       bool is_target)
{
	struct text cgroup = { "cgroup", "cgroup_hex", t->cgroup, t->cgroup_len,
			       FIT_CGROUP_HEX + is_target };

	put_text(j, plan, FIT_CGROUP + is_target, &cgroup);
	put_id(j, "cgroup_id", t->task->cgroup_id, t->task->hier);
	json__bytes(j, "container_id", task_container(t), task_container_len(t));
}

/* Puts where the process lives. That no containers are known, and that there are none, are two things. */
static void put_home(struct json *j, struct fit_plan *plan, const struct task_info *t,
		     bool is_target)
{
	const bool shown = t != &no_task && fit__begin(j, plan, FIT_NS + is_target);

	common__containers(j, t, shown && (t->container_cnt || (t->cgroup && !t->cgroup_cut)));
	if (!open_obj(j, "ns", shown))
		return;
	put_nonzero(j, "pid", t->task->ns_pid);
	put_nonzero(j, "mnt", t->task->ns_mnt);
	put_nonzero(j, "user", t->task->ns_user);
	json__close_obj(j);
	fit__end(j, plan);
}

/* Who it is stands between the keys that can be cut, and ahead of all that a process can make long: common readers of lines look
 * at their beginning only. */
void json_task(struct json *j, struct fit_plan *plan, const struct task_info *t, bool is_target)
{
	const enum fit_part more = FIT_CALLER + is_target;
	const struct pvm_task *task = t->task;

	put_id(j, "pid", task->pid, t != &no_task);
	put_id(j, "tid", task->tid, t != &no_task);
	if (fit__begin(j, plan, more)) {
		put_id(j, "ppid", task->ppid, task_is_read(t));
		put_nonzero(j, "pid_ns", task->pid_ns);
		fit__end(j, plan);
	}
	put_comm(j, plan, t, is_target);
	if (fit__begin(j, plan, more)) {
		put_pcomm(j, plan, t, is_target);
		fit__end(j, plan);
	}
	put_id(j, "uid", task->uid, task->flags & PVM_TASK_CREDS);
	if (fit__begin(j, plan, more)) {
		put_creds(j, plan->cache, t, is_target);
		fit__end(j, plan);
	}
	json__str(j, "entity_id", t->bare ? NULL : t->entity_id);
	if (fit__begin(j, plan, more)) {
		put_program(j, plan, t, is_target);
		put_cgroup(j, plan, t, is_target);
		put_home(j, plan, t, is_target);
		fit__end(j, plan);
	}
}

void json_no_task(struct json *j, struct fit_plan *plan)
{
	json_task(j, plan, &no_task, true);
}
