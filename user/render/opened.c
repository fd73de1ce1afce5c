/* SPDX-License-Identifier: Apache-2.0 */
#include "render/opened.h"

#include <string.h>

#include "event/names.h"
#include "render/common.h"

/* Puts a name of up to size bytes that a process chose, and hex_key beside it if that is needed. */
static void put_name(struct json *j, const char *key, const char *hex_key, const char *name,
		     size_t size)
{
	const size_t len = strnlen(name, size);

	if (json__bytes(j, key, name, len))
		json__bytes_hex(j, hex_key, name, len);
}

static void put_set(struct json *j, const char *key, uint32_t id, bool known, bool nulls)
{
	if (known)
		json__u64(j, key, id);
	else if (nulls)
		json__null(j, key);
}

static void put_object(struct json *j, const struct pvm_opened *o)
{
	json__open_obj(j, "object");
	json__word(j, "kind", object_name(o->kind));
	json__u64(j, "id", o->id);
	json__bytes(j, "name", o->name, strnlen(o->name, sizeof(o->name)));
	json__close_obj(j);
}

void opened__exe(struct json *j, const struct own_plan *plan, const char *key,
		 const struct tamper_info *t, bool nulls)
{
	const struct task_info *by = &t->by;

	if (!by->exe || !own__shows(plan, OWN_EXE)) {
		if (nulls)
			json__null(j, key);
		return;
	}
	if (json__bytes(j, key, by->exe, by->exe_len) && nulls)
		json__bytes_hex(j, "exe_hex", by->exe, by->exe_len);
}

static void put_caller(struct json *j, const struct own_plan *plan, const struct tamper_info *t,
		       bool nulls, bool has_exe)
{
	const struct pvm_task *task = t->by.task;
	const bool creds = task->flags & PVM_TASK_CREDS;

	json__open_obj(j, "caller");
	json__u64(j, "pid", task->pid);
	json__u64(j, "tid", task->tid);
	json__u64(j, "ppid", task->ppid);
	put_name(j, "comm", "comm_hex", task->comm, sizeof(task->comm));
	put_name(j, "pcomm", "pcomm_hex", task->pcomm, sizeof(task->pcomm));
	if (has_exe)
		opened__exe(j, plan, "exe", t, nulls);
	put_set(j, "uid", task->uid, creds, nulls);
	put_set(j, "gid", task->gid, creds, nulls);
	put_set(j, "euid", task->euid, creds, nulls);
	put_set(j, "loginuid", task->loginuid, task->loginuid != PVM_NO_ID, nulls);
	put_set(j, "sessionid", task->sessionid, task->sessionid != PVM_NO_ID, nulls);
	common__time(j, plan->cache, "start", t->by.real_start_ns);
	json__str(j, "entity_id", t->by.entity_id);
	json__close_obj(j);
}

void opened__put(struct json *j, const struct own_plan *plan, const struct tamper_info *t,
		 bool nulls, bool has_exe)
{
	json__word(j, "command", object_command(t->raw->kind));
	put_object(j, t->raw);
	json__s64(j, "ret", t->raw->ret);
	if (nulls)
		json__str(j, "error", t->error);
	put_caller(j, plan, t, nulls, has_exe);
}
