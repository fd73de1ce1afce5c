/* SPDX-License-Identifier: Apache-2.0 */
/* identity - the cache of identities beside a plain one: whatever comes, in whichever order, what it says of a process is what
 * was last sent of it since that exec, or nothing; and it is within its bounds, forgets nothing while there is room, and says
 * what it forgets. A few processes, cgroups and texts, so that numbers come back. */
#include <stdlib.h>
#include <string.h>

#include "bpf/event.h"
#include "event/identity.h"
#include "event/path.h"
#include "fixture.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/model.h"

#define ROOM 512 /* bytes behind a record */

static struct model model;

/* Makes a path record of what the bytes say; most are right. Returns its size. */
static size_t make_path(struct bytes *b, struct pvm_path *rec, uint16_t type)
{
	uint8_t how = bytes__next(b);

	memset(rec, 0, sizeof(*rec));
	rec->len = bytes__next(b) * 2U;
	for (uint32_t i = 0; i < rec->len; i++)
		rec->data[i] = i % 5 == 4 ? '\0' : bytes__next(b);
	if (rec->len && how % 16)
		rec->data[rec->len - 1] = '\0';
	rec->flags = how & 16 ? bytes__next(b) : 0;
	rec->gap = how & 32 ? bytes__next(b) : 0;
	rec->hdr = (struct pvm_hdr){ .size = (uint32_t)(sizeof(*rec) + rec->len),
				     .type = type,
				     .version = PVM_WIRE_VERSION };
	return rec->hdr.size;
}

static void put_exe(struct identity *id, struct bytes *b, struct pvm_path *rec)
{
	size_t size = make_path(b, rec, PVM_EXE), which = bytes__next(b) % MODEL_PROCS, len;
	const struct model_proc *p = &model.procs[which];

	rec->pid = p->pid;
	rec->start_ns = p->start_ns;
	rec->exec_id = p->exec_id;
	rec->id = bytes__next(b) % 4;
	rec->dev = bytes__next(b) % 2;
	rec->file.ino = rec->id;
	if (identity__put_path(id, rec, size))
		return;
	model__put_exe(&model, which, path__join(rec, &len), &len, rec->id, rec->dev);
}

static void put_args(struct identity *id, struct bytes *b, struct pvm_args *rec)
{
	size_t which = bytes__next(b) % MODEL_PROCS, size;
	const struct model_proc *p = &model.procs[which];

	memset(rec, 0, sizeof(*rec));
	rec->pid = p->pid;
	rec->start_ns = p->start_ns;
	rec->exec_id = p->exec_id;
	rec->len = bytes__next(b);
	rec->total = rec->len + bytes__next(b) % 4;
	for (uint32_t i = 0; i < rec->len; i++)
		rec->data[i] = i % 7 == 6 ? '\0' : bytes__next(b);
	size = sizeof(*rec) + rec->len;
	rec->hdr = (struct pvm_hdr){ (uint32_t)size, PVM_ARGS, PVM_WIRE_VERSION };
	if (!identity__put_args(id, rec, size))
		model__put_args(&model, which, rec->data, rec->len, rec->total);
}

static void put_cgroup(struct identity *id, struct bytes *b, struct pvm_path *rec)
{
	size_t size = make_path(b, rec, PVM_CGROUP), which = bytes__next(b) % MODEL_CGROUPS, len;

	rec->id = model.cgroups[which].key.id;
	rec->hier = model.cgroups[which].key.hier;
	if (!identity__put_path(id, rec, size))
		model__put_cgroup(&model, which, path__join(rec, &len), &len,
				  rec->flags & (PVM_PATH_CUT | PVM_PATH_GAP));
}

static void put_text(struct identity *id, struct bytes *b, struct pvm_path *rec)
{
	uint16_t type = bytes__next(b) % 2 ? PVM_MAPPED : PVM_LABEL;
	size_t size = make_path(b, rec, type), which = bytes__next(b) % MODEL_TEXTS, len;
	char *text;

	rec->id = which + 1;
	if (identity__put_path(id, rec, size))
		return;
	len = strnlen((const char *)rec->data, rec->len);
	text = type == PVM_LABEL ? strndup((const char *)rec->data, len) : path__join(rec, &len);
	model__put_text(&model, which, text, len);
}

static void make_relative(struct bytes *b, struct pvm_relative *r)
{
	const struct model_proc *p = &model.procs[bytes__next(b) % MODEL_PROCS];
	uint8_t how = bytes__next(b);

	*r = (struct pvm_relative){ .pid = how & 1 ? p->pid : 0,
				    .start_ns = p->start_ns,
				    .exec_id = p->exec_id,
				    .exe_ino = how / 2 % 4,
				    .exe_dev = how / 8 % 2,
				    .flags = how & 16 ? PVM_TASK_EXE : 0,
				    .gone = how / 32 % 2 };
}

static void put_ancestry(struct identity *id, struct bytes *b, struct pvm_ancestry *rec)
{
	size_t which = bytes__next(b) % MODEL_ANCESTRIES, size;

	memset(rec, 0, sizeof(*rec));
	rec->id = which + 1;
	rec->cnt = bytes__next(b) % 4;
	make_relative(b, &rec->session);
	make_relative(b, &rec->tracer);
	for (uint16_t i = 0; i < rec->cnt; i++)
		make_relative(b, &rec->ancestors[i]);
	size = sizeof(*rec) + rec->cnt * sizeof(rec->ancestors[0]);
	rec->hdr = (struct pvm_hdr){ (uint32_t)size, PVM_ANCESTRY, PVM_WIRE_VERSION };
	assert_int_equal(identity__put_ancestry(id, rec, size), 0);
	model__put_ancestry(&model, which, rec->cnt);
}

/* Takes bytes as they are for one record of any kind, but of a process, cgroup or ancestry that is none of the few. */
static void put_anything(struct identity *id, struct bytes *b, uint8_t *rec)
{
	static const uint16_t types[] = { PVM_EXE, PVM_ARGS, PVM_CGROUP, PVM_ANCESTRY, 0xffff };
	struct pvm_hdr hdr = { .type = types[bytes__next(b) % 5], .version = PVM_WIRE_VERSION };
	size_t size = sizeof(hdr) + bytes__next(b);

	hdr.size = (uint32_t)size;
	for (size_t i = sizeof(hdr); i < size; i++)
		rec[i] = bytes__next(b);
	memcpy(rec, &hdr, sizeof(hdr));
	rec[15] |= 0x80; /* the highest byte of start_ns, and of an ancestry's id */
	rec[23] |= 0x80; /* that of a cgroup's id */
	if (hdr.type == PVM_ARGS)
		(void)identity__put_args(id, rec, size);
	else if (hdr.type == PVM_ANCESTRY)
		(void)identity__put_ancestry(id, rec, size);
	else
		(void)identity__put_path(id, rec, size);
	model__strange(&model);
}

static void step(struct identity *id, struct bytes *b, void *room)
{
	switch (bytes__next(b) % 8) {
	case 0:
	case 1:
		put_exe(id, b, room);
		break;
	case 2:
	case 3:
		put_args(id, b, room);
		break;
	case 4:
		put_cgroup(id, b, room);
		break;
	case 5:
		put_text(id, b, room);
		break;
	case 6:
		put_ancestry(id, b, room);
		break;
	default:
		put_anything(id, b, room);
	}
	model__check(&model, id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	struct identity_opts opts = { .ctx = &model };
	struct identity *id;
	void *room = malloc(sizeof(struct pvm_ancestry) + ROOM);

	assert_non_null(room);
	opts.proc_max = 1 + bytes__next(&b) % 12;
	opts.cgroup_max = 1 + bytes__next(&b) % 4;
	opts.ancestry_max = 1 + bytes__next(&b) % 4;
	opts.text_max = 1 + bytes__next(&b) % 4;
	opts.bytes_max = 8 * bytes__next(&b);
	opts.text_bytes_max = 4 * bytes__next(&b);
	opts.ancestry_bytes_max = 64 * bytes__next(&b);
	opts.args_max = bytes__next(&b);
	memcpy(opts.boot_id, FIXTURE_BOOT_ID, sizeof(opts.boot_id));
	model__begin(&model, &opts);
	id = identity__new(&opts);
	assert_non_null(id);
	while (b.left)
		step(id, &b, room);
	identity__free(id);
	model__end(&model);
	free(room);
	return 0;
}
