/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/who.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_file.h"
#include "bpf/keys.h"
#include "bpf/rules.h"
#include "event/holds.h"

#define NS_PER_TICK (1000000000ULL / 100) /* USER_HZ is 100 on both architectures */

/* Returns what stands behind a line's name in /proc/PID/status; NULL: there is no such line. */
static const char *line_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? at + strlen(name) : NULL;
}

static bool put_numbers(const char *at, uint32_t *out, size_t cnt)
{
	char *end;

	for (size_t i = 0; at && i < cnt; i++, at = end) {
		out[i] = (uint32_t)strtoul(at, &end, 10);
		if (end == at)
			return false;
	}
	return at != NULL;
}

/* The last one is what it is to itself. */
static void put_namespaces(const char *at, struct audit_process *p)
{
	char *end;

	for (; at && *at != '\n'; at = end) {
		unsigned long n = strtoul(at, &end, 10);

		if (end == at)
			return;
		p->pid_ns = (uint32_t)n;
		p->namespaces++;
	}
}

/* It is the 22nd field; the second one is a name that may hold anything. */
static uint64_t start_of(uint32_t pid)
{
	char path[64], text[1024], *at;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (!text_file__read(path, text, sizeof(text)) || !(at = strrchr(text, ')')))
		return 0;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) * NS_PER_TICK : 0;
}

static bool put_process_uid(struct audit_process *p)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%u/status", p->pid);
	return text_file__read(path, text, sizeof(text)) &&
	       put_numbers(line_of(text, "\nUid:"), &p->process_uid, 1);
}

/* Reads a process. folder: of a thread. It may end between any two files: then all of it stays unknown, for half of it would
 * be taken for a process without a name. */
static void read_process(const char *folder, struct audit_process *p)
{
	char path[96], text[4096];
	const char *caps;
	size_t len;

	snprintf(path, sizeof(path), "%s/status", folder);
	if (!text_file__read(path, text, sizeof(text)))
		return;
	caps = line_of(text, "\nCapEff:");
	if (!caps || !put_numbers(line_of(text, "\nTgid:"), &p->pid, 1) ||
	    !put_numbers(line_of(text, "\nPPid:"), &p->ppid, 1) ||
	    !put_numbers(line_of(text, "\nUid:"), p->uid, 4) ||
	    !put_numbers(line_of(text, "\nGid:"), p->gid, 4))
		return;
	p->caps = strtoull(caps, NULL, 16);
	put_namespaces(line_of(text, "\nNStgid:"), p);
	snprintf(path, sizeof(path), "%s/comm", folder);
	/* A newline follows even a name that is empty. */
	len = text_file__read(path, text, sizeof(text));
	if (!len)
		return;
	len -= text[len - 1] == '\n';
	memcpy(p->comm, text, len < sizeof(p->comm) ? len : sizeof(p->comm) - 1);
	p->start_ns = start_of(p->pid);
	p->known = p->start_ns && put_process_uid(p);
}

void audit_who__read(const struct audit_call *call, struct audit_who *who)
{
	const int32_t arg = pvm_target_arg(call->args);
	char folder[64];

	memset(who, 0, sizeof(*who));
	snprintf(folder, sizeof(folder), "/proc/%u/task/%u", call->pid, call->tid);
	read_process(folder, &who->caller);
	/* Numbers are given anew. */
	if (who->caller.start_ns > call->ns)
		who->caller.known = false;
	if (!who->caller.known || who->caller.namespaces != 1 ||
	    pvm_kind_of(call->args) == PVM_KIND_PIDFD || arg <= 0)
		return;
	snprintf(folder, sizeof(folder), "/proc/%d", arg);
	read_process(folder, &who->target);
	if (who->target.start_ns + NS_PER_TICK > call->ns)
		who->target.known = false;
}

void audit_who__task(const struct audit_call *call, const struct audit_who *who,
		     struct pvm_task *task)
{
	const struct audit_process *p = &who->caller;

	*task = (struct pvm_task){
		.pid = call->pid,
		.tid = call->tid,
		.loginuid = PVM_NO_ID,
		.sessionid = PVM_NO_ID,
	};
	if (!p->known)
		return;
	task->flags = PVM_TASK_CREDS;
	task->ppid = p->ppid;
	task->pid_ns = p->pid_ns;
	task->uid = p->uid[0];
	task->euid = p->uid[1];
	task->suid = p->uid[2];
	task->gid = p->gid[0];
	task->egid = p->gid[1];
	task->sgid = p->gid[2];
	task->process_uid = p->process_uid;
	task->caps_effective = p->caps;
	memcpy(task->comm, p->comm, sizeof(task->comm));
}

struct pid_of {
	uint32_t pid;
	uint32_t parent;   /* whose memory it may work in; 0: that does not count */
	uint64_t start_ns; /* 0: not known */
	uint64_t begin_ns;
};

static enum tristate hit_pid(const struct filter_value *value, const void *of)
{
	const struct pid_of *p = of;

	if (value->number != p->pid)
		return p->parent && value->number == p->parent ? UNKNOWN : NO;
	if (!p->start_ns)
		return UNKNOWN;
	return p->start_ns <= p->begin_ns ? YES : NO;
}

static enum tristate hit_uid(const struct filter_value *value, const void *of)
{
	return value->number == *(const uint32_t *)of ? YES : NO;
}

static enum tristate hit_comm(const struct filter_value *value, const void *of)
{
	return strncmp(value->text, of, PVM_COMM_SZ) ? NO : YES;
}

/* That of the thread or that of its process will do. */
static enum tristate uids_hold(const struct rule *r, enum pvm_who who,
			       const struct audit_process *p)
{
	const struct filter_list *list = &r->filter[who][FILTER_UID];

	return holds__joined(r, holds__list(list, hit_uid, &p->uid[0]),
			     holds__list(list, hit_uid, &p->process_uid));
}

static bool caller_passes(const struct rule *r, const struct audit_call *call,
			  const struct audit_process *p, uint64_t begin_ns)
{
	const struct pid_of id = { .pid = call->pid,
				   .start_ns = p->known ? p->start_ns : 0,
				   .begin_ns = begin_ns };

	if (holds__list(&r->filter[PVM_CALLER][FILTER_PID], hit_pid, &id) == NO)
		return false;
	return !p->known ||
	       (uids_hold(r, PVM_CALLER, p) != NO &&
		holds__list(&r->filter[PVM_CALLER][FILTER_COMM], hit_comm, p->comm) != NO);
}

/* By its names it is not judged: those of all its threads count. */
static bool target_passes(const struct rule *r, const struct audit_process *p, uint64_t begin_ns)
{
	const struct pid_of id = { .pid = p->pid,
				   .parent = p->ppid,
				   .start_ns = p->start_ns,
				   .begin_ns = begin_ns };

	return !p->known || (holds__list(&r->filter[PVM_TARGET][FILTER_PID], hit_pid, &id) != NO &&
			     uids_hold(r, PVM_TARGET, p) != NO);
}

/* A rule that drops never holds: what decides in it may be what is not known. */
static bool rule_passes(const struct rule *r, const struct audit_call *call,
			const struct audit_who *who, uint64_t begin_ns)
{
	if (r->action == RULE_DROP || (r->ops && !(r->ops & (1u << call->op))))
		return false;
	if (r->no_self && who->target.known && who->target.pid == call->pid)
		return false;
	return caller_passes(r, call, &who->caller, begin_ns) &&
	       target_passes(r, &who->target, begin_ns);
}

uint16_t audit_who__rules(const struct options *o, const struct audit_call *call,
			  const struct audit_who *who, uint64_t begin_ns)
{
	uint16_t left = 0;

	for (size_t i = 0; i < o->rule_cnt; i++) {
		if (rule_passes(&o->rules[i], call, who, begin_ns))
			left |= (uint16_t)(1u << i);
	}
	return left;
}
