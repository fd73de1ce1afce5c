/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/model.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { PROCS, CGROUPS, TEXTS, ANCESTRIES };

static void on_evict_proc(void *ctx, uint32_t pid)
{
	struct model *m = ctx;

	(void)pid;
	m->forgot[PROCS] = true;
	m->evicted++;
}

static void on_evict_cgroup(void *ctx, const struct pvm_cgroup_key *key)
{
	struct model *m = ctx;

	assert_true(key->hier != 0);
	m->forgot[CGROUPS] = true;
	m->evicted++;
}

static void on_evict_text(void *ctx, uint64_t id)
{
	struct model *m = ctx;

	assert_true(id != 0);
	m->forgot[TEXTS] = true;
	m->evicted++;
}

static void on_evict_ancestry(void *ctx, uint64_t id)
{
	struct model *m = ctx;

	assert_true(id != 0);
	m->forgot[ANCESTRIES] = true;
	m->evicted++;
}

void model__begin(struct model *m, struct identity_opts *opts)
{
	opts->on_evict_proc = on_evict_proc;
	opts->on_evict_cgroup = on_evict_cgroup;
	opts->on_evict_text = on_evict_text;
	opts->on_evict_ancestry = on_evict_ancestry;
	*m = (struct model){ .opts = *opts };
	/* Pids and moments come back, and a process executes several files. */
	for (uint32_t i = 0; i < MODEL_PROCS; i++) {
		m->procs[i].pid = 1 + i % 3;
		m->procs[i].start_ns = 1 + i / 3 % 2;
		m->procs[i].exec_id = i / 6;
	}
	for (uint32_t i = 0; i < MODEL_CGROUPS; i++)
		m->cgroups[i].key =
			(struct pvm_cgroup_key){ .id = 1 + i % 2,
						 .hier = (uint8_t)(PVM_HIER_V2 + i / 2) };
	for (uint32_t i = 0; i < MODEL_ANCESTRIES; i++)
		m->ancestors[i] = -1;
}

static void forget(struct model_text *t)
{
	free(t->at);
	*t = (struct model_text){ 0 };
}

static void put(struct model_text *t, char *at, size_t len)
{
	assert_non_null(at);
	free(t->at);
	*t = (struct model_text){ at, len };
}

void model__end(struct model *m)
{
	for (size_t i = 0; i < MODEL_PROCS; i++) {
		forget(&m->procs[i].exe);
		forget(&m->procs[i].args);
	}
	for (size_t i = 0; i < MODEL_CGROUPS; i++)
		forget(&m->cgroups[i].path);
	for (size_t i = 0; i < MODEL_TEXTS; i++)
		forget(&m->texts[i]);
}

void model__put_exe(struct model *m, size_t which, char *path, const size_t *len, uint64_t ino,
		    uint32_t dev)
{
	struct model_proc *p = &m->procs[which];

	put(&p->exe, path, *len);
	p->ino = ino;
	p->dev = dev;
}

void model__put_args(struct model *m, size_t which, const uint8_t *args, uint32_t len,
		     uint32_t total)
{
	struct model_proc *p = &m->procs[which];
	size_t kept = len < m->opts.args_max ? len : m->opts.args_max;
	char *copy;

	if (!m->opts.args_max)
		return;
	copy = malloc(kept + 1);
	assert_non_null(copy);
	memcpy(copy, args, kept);
	put(&p->args, copy, kept);
	p->args_cut = total > kept;
}

void model__put_cgroup(struct model *m, size_t which, char *path, const size_t *len, bool cut)
{
	put(&m->cgroups[which].path, path, *len);
	m->cgroups[which].cut = cut;
}

void model__put_text(struct model *m, size_t which, char *text, size_t len)
{
	put(&m->texts[which], text, len);
}

void model__put_ancestry(struct model *m, size_t which, int cnt)
{
	m->ancestors[which] = cnt;
}

void model__strange(struct model *m)
{
	m->strange = true;
}

/* What is there is what was put. What is not, was forgotten: with a word of it. */
static void compare(struct model_text *t, const char *at, size_t len, bool forgot)
{
	if (!at) {
		assert_true(!t->at || forgot);
		forget(t);
		return;
	}
	assert_non_null(t->at);
	assert_int_equal(len, t->len);
	assert_memory_equal(at, t->at, len);
}

static void check_proc(struct model *m, struct identity *id, struct model_proc *p)
{
	const struct pvm_task task = { .pid = p->pid,
				       .start_ns = p->start_ns,
				       .exec_id = p->exec_id,
				       .exe_ino = p->ino,
				       .exe_dev = p->dev,
				       .flags = PVM_TASK_EXE };
	struct pvm_task other = task;
	struct task_info info;

	identity__fill(id, &task, true, &info);
	compare(&p->exe, info.exe, info.exe_len, m->forgot[PROCS]);
	compare(&p->args, info.args, info.args_len, m->forgot[PROCS]);
	assert_true(!info.args || info.args_cut == p->args_cut);
	assert_true(!info.exe || info.file->ino == p->ino);
	assert_true(strlen(info.entity_id) > 8);
	/* Another file is not this one. */
	other.exe_ino += 100;
	identity__fill(id, &other, false, &info);
	assert_true(!info.exe && !info.args);
}

/* They share their bytes with the cgroups. */
static void check_procs(struct model *m, struct identity *id, size_t *bytes)
{
	size_t cnt = 0;

	for (size_t i = 0; i < MODEL_PROCS; i++) {
		struct model_proc *p = &m->procs[i];

		if (!p->exe.at && !p->args.at && m->strange)
			continue;
		check_proc(m, id, p);
		cnt += p->exe.at || p->args.at;
		*bytes += p->exe.len + p->args.len;
	}
	assert_true(cnt <= m->opts.proc_max);
}

static void check_cgroups(struct model *m, struct identity *id, size_t *bytes)
{
	size_t cnt = 0;

	for (size_t i = 0; i < MODEL_CGROUPS; i++) {
		struct model_cgroup *c = &m->cgroups[i];
		const struct pvm_task task = { .pid = 1,
					       .start_ns = 1,
					       .cgroup_id = c->key.id,
					       .hier = c->key.hier };
		struct task_info info;

		if (!c->path.at && m->strange)
			continue;
		identity__fill(id, &task, false, &info);
		compare(&c->path, info.cgroup, info.cgroup_len, m->forgot[CGROUPS]);
		assert_true(!info.cgroup || info.cgroup_cut == c->cut);
		assert_true(info.container_end <= info.cgroup_len);
		for (size_t n = 0; n < info.container_cnt; n++)
			fuzz__touch(info.containers[n].id, info.containers[n].len);
		cnt += c->path.at != NULL;
		*bytes += c->path.len;
	}
	assert_true(cnt <= m->opts.cgroup_max);
}

static void check_texts(struct model *m, struct identity *id)
{
	size_t cnt = 0, bytes = 0;

	for (size_t i = 0; i < MODEL_TEXTS; i++) {
		size_t len;
		const char *at = identity__text(id, i + 1, &len);

		compare(&m->texts[i], at, len, m->forgot[TEXTS]);
		cnt += at != NULL;
		bytes += len;
	}
	assert_true(cnt <= m->opts.text_max && bytes <= m->opts.text_bytes_max);
}

static void check_ancestries(struct model *m, struct identity *id)
{
	size_t cnt = 0;

	for (size_t i = 0; i < MODEL_ANCESTRIES; i++) {
		const struct ancestry_info *a = identity__ancestry(id, i + 1);

		if (!a && m->ancestors[i] >= 0) {
			assert_true(m->forgot[ANCESTRIES]);
			m->ancestors[i] = -1;
		}
		if (!a)
			continue;
		assert_int_equal((int)a->cnt, m->ancestors[i]);
		for (size_t n = 0; n < a->cnt; n++)
			fuzz__touch(a->ancestors[n].exe,
				    a->ancestors[n].exe ? a->ancestors[n].exe_len : 0);
		cnt++;
	}
	assert_true(cnt <= m->opts.ancestry_max);
}

void model__check(struct model *m, struct identity *id)
{
	const struct model before = *m;
	size_t bytes = 0, had = 0, procs = 0, cgroups = 0;

	for (size_t i = 0; i < MODEL_PROCS; i++) {
		had += before.procs[i].exe.len + before.procs[i].args.len;
		procs += before.procs[i].exe.at || before.procs[i].args.at;
	}
	for (size_t i = 0; i < MODEL_CGROUPS; i++) {
		had += before.cgroups[i].path.len;
		cgroups += before.cgroups[i].path.at != NULL;
	}
	/* Nothing is forgotten while all of it has room. */
	if (!m->strange && had <= m->opts.bytes_max) {
		assert_true(!m->forgot[PROCS] || procs > m->opts.proc_max);
		assert_true(!m->forgot[CGROUPS] || cgroups > m->opts.cgroup_max);
	}
	check_procs(m, id, &bytes);
	check_cgroups(m, id, &bytes);
	assert_true(bytes <= m->opts.bytes_max);
	check_texts(m, id);
	check_ancestries(m, id);
	assert_true(identity__evicted(id) == m->evicted);
	memset(m->forgot, 0, sizeof(m->forgot));
}
