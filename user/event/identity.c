/* SPDX-License-Identifier: Apache-2.0 */
/* identity - what the kernel half sends once about processes and cgroups, remembered within
 * bounds. */
#include "event/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "base/lru.h"
#include "bpf/keys.h"
#include "event/ancestry.h"
#include "event/path.h"
#include "event/texts.h"

/* This is a process since one of its execs: what is summed up may be told when there has been another. */
struct proc_key {
	uint64_t start_ns;
	uint32_t pid;
	uint32_t exec_id;
};

struct proc {
	struct lru_node node;
	struct proc_key key;
	uint64_t stamp; /* changes with the strings */
	uint64_t exe_ino;
	uint32_t exe_dev;
	struct pvm_file_id file; /* of exe */
	bool file_vague;
	char *exe; /* NULL: not known */
	size_t exe_len;
	char *args; /* NULL: not known */
	size_t args_len;
	bool args_cut;
	char entity[sizeof(((struct task_info *)0)->entity_id)];
};

struct cgroup {
	struct lru_node node;
	struct pvm_cgroup_key key;
	uint64_t stamp;
	char *path;
	size_t len;
	bool cut;
	struct container *containers; /* with the ids behind them; NULL: none */
	size_t container_cnt, container_end;
	bool container_claimed;
};

struct identity {
	struct identity_opts opts;
	struct lru procs, cgroups;
	struct ancestries ancestries;
	struct texts *texts;
	uint64_t tick; /* of all but the texts */
	size_t bytes;
	uint64_t evicted;
};

_Static_assert(sizeof(struct proc_key) % 8 == 0, "table_hash takes words");
_Static_assert(sizeof(struct pvm_cgroup_key) % 8 == 0, "table_hash takes words");

/* Gives the stamps in one sequence for all instances, so that a stamp never stands for two strings, or
 * ancestries, in one program. */
static uint64_t next_stamp(void)
{
	static uint64_t last;

	return ++last;
}

struct identity *identity__new(const struct identity_opts *opts)
{
	struct identity *id = calloc(1, sizeof(*id));

	const struct texts_opts texts = {
		.cnt_max = opts->text_max,
		.bytes_max = opts->text_bytes_max,
		.on_evict = opts->on_evict_text,
		.ctx = opts->ctx,
	};

	if (!id)
		return NULL;
	id->texts = texts__new(&texts);
	if (!id->texts) {
		free(id);
		return NULL;
	}
	id->opts = *opts;
	lru__init(&id->procs, sizeof(struct proc), offsetof(struct proc, key),
		  sizeof(struct proc_key), &id->tick);
	lru__init(&id->cgroups, sizeof(struct cgroup), offsetof(struct cgroup, key),
		  sizeof(struct pvm_cgroup_key), &id->tick);
	ancestries__init(&id->ancestries, &id->tick);
	return id;
}

static void proc__free(struct identity *id, struct proc *p)
{
	lru__remove(&id->procs, &p->node);
	id->bytes -= (p->exe ? p->exe_len : 0) + (p->args ? p->args_len : 0);
	free(p->exe);
	free(p->args);
	free(p);
}

static void cgroup__free(struct identity *id, struct cgroup *c)
{
	lru__remove(&id->cgroups, &c->node);
	id->bytes -= c->path ? c->len : 0;
	free(c->path);
	free(c->containers);
	free(c);
}

void identity__free(struct identity *id)
{
	struct proc *p;
	struct cgroup *c;

	if (!id)
		return;
	while ((p = lru__oldest(&id->procs)))
		proc__free(id, p);
	while ((c = lru__oldest(&id->cgroups)))
		cgroup__free(id, c);
	while (ancestries__evict(&id->ancestries))
		;
	texts__free(id->texts);
	free(id);
}

static void forget_proc(const struct identity *id, uint32_t pid)
{
	if (id->opts.on_evict_proc)
		id->opts.on_evict_proc(id->opts.ctx, pid);
}

static void forget_cgroup(const struct identity *id, const struct pvm_cgroup_key *key)
{
	if (id->opts.on_evict_cgroup)
		id->opts.on_evict_cgroup(id->opts.ctx, key);
}

static void proc__evict(struct identity *id, struct proc *p)
{
	uint32_t pid = p->key.pid;

	proc__free(id, p);
	id->evicted++;
	forget_proc(id, pid);
}

static void cgroup__evict(struct identity *id, struct cgroup *c)
{
	struct pvm_cgroup_key key = c->key;

	cgroup__free(id, c);
	id->evicted++;
	forget_cgroup(id, &key);
}

/* Evicts until all is within its bounds again. What was used just now goes last, so only if it does not fit alone. */
static void trim(struct identity *id)
{
	struct proc *p;
	struct cgroup *c;

	while (lru__cnt(&id->procs) > id->opts.proc_max)
		proc__evict(id, lru__oldest(&id->procs));
	while (lru__cnt(&id->cgroups) > id->opts.cgroup_max)
		cgroup__evict(id, lru__oldest(&id->cgroups));
	while (id->bytes > id->opts.bytes_max) {
		p = lru__oldest(&id->procs);
		c = lru__oldest(&id->cgroups);
		if (p && (!c || p->node.used < c->node.used))
			proc__evict(id, p);
		else
			cgroup__evict(id, c);
	}
}

static struct proc *proc__find(struct identity *id, uint32_t pid, uint64_t start_ns,
			       uint32_t exec_id)
{
	const struct proc_key key = { .start_ns = start_ns, .pid = pid, .exec_id = exec_id };

	return lru__find(&id->procs, &key, sizeof(key));
}

static struct proc *proc__get(struct identity *id, uint32_t pid, uint64_t start_ns,
			      uint32_t exec_id)
{
	const struct proc_key key = { .start_ns = start_ns, .pid = pid, .exec_id = exec_id };
	struct proc *p = lru__get(&id->procs, &key);

	if (p && !p->entity[0])
		entity_id(id->opts.boot_id, pid, start_ns, p->entity, sizeof(p->entity));
	return p;
}

static struct cgroup *cgroup__find(struct identity *id, uint64_t cgroup_id, uint8_t hier)
{
	const struct pvm_cgroup_key key = { .id = cgroup_id, .hier = hier };

	return lru__find(&id->cgroups, &key, sizeof(key));
}

static int put_exe(struct identity *id, const struct pvm_path *rec)
{
	struct proc *p = proc__get(id, rec->pid, rec->start_ns, rec->exec_id);
	size_t len;
	char *exe;

	exe = p ? path__join(rec, &len) : NULL;
	if (!exe) {
		id->evicted++;
		forget_proc(id, rec->pid);
		return -ENOMEM;
	}
	id->bytes += len;
	id->bytes -= p->exe ? p->exe_len : 0;
	free(p->exe);
	p->exe = exe;
	p->exe_len = len;
	p->exe_dev = rec->dev;
	p->exe_ino = rec->id;
	p->file = rec->file;
	p->file_vague = rec->flags & PVM_PATH_VAGUE;
	p->stamp = next_stamp();
	trim(id);
	return 0;
}

/* Finds the containers that its path names. Returns 0 or -ENOMEM. */
static int cgroup__find_containers(struct cgroup *c)
{
	struct containers found;
	char *text;

	containers__find(c->path, c->len, c->cut, &found);
	free(c->containers);
	c->containers = NULL;
	c->container_cnt = 0;
	c->container_end = found.end;
	c->container_claimed = found.claimed;
	if (!found.cnt)
		return 0;
	c->containers = malloc(found.cnt * sizeof(*c->containers) + found.text_len);
	if (!c->containers)
		return -ENOMEM;
	text = (char *)(c->containers + found.cnt);
	memcpy(text, found.text, found.text_len);
	for (size_t i = 0; i < found.cnt; i++)
		c->containers[i] = (struct container){ text + (found.list[i].id - found.text),
						       found.list[i].len };
	c->container_cnt = found.cnt;
	return 0;
}

static int put_cgroup(struct identity *id, const struct pvm_path *rec)
{
	const struct pvm_cgroup_key key = { .id = rec->id, .hier = rec->hier };
	struct cgroup *c = lru__get(&id->cgroups, &key);
	size_t len;
	char *path;

	path = c ? path__join(rec, &len) : NULL;
	if (!path) {
		if (c && !c->path)
			cgroup__free(id, c);
		id->evicted++;
		forget_cgroup(id, &key);
		return -ENOMEM;
	}
	id->bytes += len;
	id->bytes -= c->path ? c->len : 0;
	free(c->path);
	c->path = path;
	c->len = len;
	c->cut = rec->flags & (PVM_PATH_CUT | PVM_PATH_GAP);
	c->stamp = next_stamp();
	if (cgroup__find_containers(c)) {
		cgroup__free(id, c);
		id->evicted++;
		forget_cgroup(id, &key);
		return -ENOMEM;
	}
	trim(id);
	return 0;
}

int identity__put_path(struct identity *id, const void *data, size_t size)
{
	const struct pvm_path *rec = data;

	if (size < sizeof(*rec) || rec->hdr.size != size || rec->hdr.version != PVM_WIRE_VERSION)
		return -EBADMSG;
	if (rec->len > PVM_PATH_MAX || rec->len > size - sizeof(*rec))
		return -EBADMSG;
	if (rec->len && rec->data[rec->len - 1])
		return -EBADMSG;
	if (rec->gap && (rec->gap > rec->len || rec->data[rec->gap - 1]))
		return -EBADMSG;
	if (rec->flags & ~(PVM_PATH_CUT | PVM_PATH_NAME | PVM_PATH_DETACHED | PVM_PATH_GAP |
			   PVM_PATH_ANON_INODE | PVM_PATH_VAGUE) ||
	    (rec->flags & PVM_PATH_GAP && !rec->gap))
		return -EBADMSG;
	switch (rec->hdr.type) {
	case PVM_EXE:
		return put_exe(id, rec);
	case PVM_CGROUP:
		return rec->hier && rec->hier <= PVM_HIER_MEMORY ? put_cgroup(id, rec) : -EBADMSG;
	case PVM_MAPPED:
	case PVM_LABEL:
		return rec->id && rec->len ? texts__put(id->texts, rec) : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

int identity__put_args(struct identity *id, const void *data, size_t size)
{
	const struct pvm_args *rec = data;
	struct proc *p;
	char *args;
	size_t len;

	if (size < sizeof(*rec) || rec->hdr.size != size || rec->hdr.version != PVM_WIRE_VERSION ||
	    rec->hdr.type != PVM_ARGS)
		return -EBADMSG;
	if (rec->len > PVM_ARGS_MAX || rec->len > size - sizeof(*rec) || rec->total < rec->len)
		return -EBADMSG;
	if (!id->opts.args_max)
		return 0;
	len = rec->len < id->opts.args_max ? rec->len : id->opts.args_max;
	p = proc__get(id, rec->pid, rec->start_ns, rec->exec_id);
	args = p ? malloc(len + 1) : NULL;
	if (!args) {
		id->evicted++;
		forget_proc(id, rec->pid);
		return -ENOMEM;
	}
	memcpy(args, rec->data, len);
	args[len] = '\0';
	id->bytes += len;
	id->bytes -= p->args ? p->args_len : 0;
	free(p->args);
	p->args = args;
	p->args_len = len;
	p->args_cut = rec->total > len;
	p->stamp = next_stamp();
	trim(id);
	return 0;
}

static void fill_proc(const struct proc *p, const struct pvm_task *task, bool with_args,
		      struct task_info *out)
{
	memcpy(out->entity_id, p->entity, sizeof(out->entity_id));
	out->stamp[0] = p->stamp;
	if (p->exe && (task->flags & PVM_TASK_EXE) && p->exe_ino == task->exe_ino &&
	    p->exe_dev == task->exe_dev) {
		out->exe = p->exe;
		out->exe_len = p->exe_len;
		out->file = &p->file;
		out->file_vague = p->file_vague;
	}
	if (with_args && p->args) {
		out->args = p->args;
		out->args_len = p->args_len;
		out->args_cut = p->args_cut;
	}
}

static void fill_nothing(const struct pvm_task *task, struct task_info *out)
{
	out->task = task;
	out->exe = out->args = out->cgroup = NULL;
	out->containers = NULL;
	out->exe_len = out->args_len = out->cgroup_len = 0;
	out->container_cnt = out->container_end = 0;
	out->args_cut = out->cgroup_cut = out->file_vague = out->bare = false;
	out->container_claimed = false;
	out->file = NULL;
	out->stamp[0] = out->stamp[1] = 0;
	out->entity_id[0] = '\0';
}

void identity__fill(struct identity *id, const struct pvm_task *task, bool with_args,
		    struct task_info *out)
{
	const struct proc *p;
	const struct cgroup *c;

	fill_nothing(task, out);
	/* Only the kernel half knows when a process began; an audit does not. */
	out->bare = task && !task->start_ns;
	if (!task || out->bare)
		return;
	p = proc__find(id, task->pid, task->start_ns, task->exec_id);
	if (p)
		fill_proc(p, task, with_args, out);
	else
		entity_id(id->opts.boot_id, task->pid, task->start_ns, out->entity_id,
			  sizeof(out->entity_id));
	c = task->hier ? cgroup__find(id, task->cgroup_id, task->hier) : NULL;
	if (!c)
		return;
	out->cgroup = c->path;
	out->cgroup_len = c->len;
	out->cgroup_cut = c->cut;
	out->containers = c->containers;
	out->container_cnt = c->container_cnt;
	out->container_end = c->container_end;
	out->container_claimed = c->container_claimed;
	out->stamp[1] = c->stamp;
}

static void fill_known(void *ctx, const struct pvm_task *task, struct task_info *out)
{
	identity__fill(ctx, task, false, out);
}

int identity__put_ancestry(struct identity *id, const void *data, size_t size)
{
	struct ancestries *a = &id->ancestries;
	int err = ancestries__put(a, data, size, next_stamp(), fill_known, id);

	id->evicted += err == -ENOMEM;
	while (lru__cnt(&a->all) > id->opts.ancestry_max ||
	       a->bytes > id->opts.ancestry_bytes_max) {
		uint64_t gone = ancestries__evict(a);

		if (!gone)
			break;
		id->evicted++;
		if (id->opts.on_evict_ancestry)
			id->opts.on_evict_ancestry(id->opts.ctx, gone);
	}
	return err;
}

struct ancestry_info *identity__ancestry(struct identity *id, uint64_t ancestry)
{
	return ancestry ? ancestries__find(&id->ancestries, ancestry) : NULL;
}

const char *identity__cgroup(struct identity *id, uint64_t cgroup_id, uint8_t hier, size_t *len,
			     bool *cut)
{
	const struct cgroup *c = cgroup__find(id, cgroup_id, hier);

	*cut = c && c->cut;
	*len = c ? c->len : 0;
	return c ? c->path : NULL;
}

void entity_id(const char *boot_id, uint32_t pid, uint64_t start_ns, char *out, size_t out_sz)
{
	char text[8 + 1 + 8 + 1 + 16 + 1], *at = text;
	size_t len;

	for (int i = 0; i < 8; i++)
		*at++ = *boot_id ? *boot_id++ : '0';
	*at++ = '-';
	at = put_hex(at, pid, 1);
	*at++ = '-';
	at = put_hex(at, start_ns, 1);
	len = (size_t)(at - text);
	if (!out_sz)
		return;
	if (len > out_sz - 1)
		len = out_sz - 1;
	memcpy(out, text, len);
	out[len] = '\0';
}

const char *identity__text(struct identity *id, uint64_t text, size_t *len)
{
	return texts__find(id->texts, text, len);
}

uint64_t identity__evicted(const struct identity *id)
{
	return id->evicted + texts__evicted(id->texts);
}
