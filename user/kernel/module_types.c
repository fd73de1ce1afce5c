/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/module_types.h"

#include <bpf/btf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/control.h"
#include "kernel/types.h"

#define MODULE_PATH "/sys/kernel/btf/%s"
/* Structures without a name lie in one another no deeper than this in any kernel. */
#define DEPTH_MAX 8

static bool is_there(const char *module)
{
	char path[64];

	snprintf(path, sizeof(path), MODULE_PATH, module);
	return !access(path, R_OK);
}

static const struct btf_type *resolve(const struct btf *types, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(types, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(types, t->type);
	return t;
}

/* Adds the offset of a member to *at, also of one inside a member without a name. Returns its type, or NULL. */
static const struct btf_type *find_member(const struct btf *types, const struct btf_type *t,
					  const char *name, __u32 *at, int depth)
{
	const struct btf_type *found;

	if (!t || !btf_is_composite(t) || depth > DEPTH_MAX)
		return NULL;
	for (__u32 i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *called = btf__name_by_offset(types, m->name_off);
		const struct btf_type *type = resolve(types, m->type);
		__u32 inside = 0;

		found = *called ? NULL : find_member(types, type, name, &inside, depth + 1);
		if (!strcmp(called, name))
			found = type;
		if (!found)
			continue;
		*at += btf_member_bit_offset(t, i) / 8 + inside;
		return found;
	}
	return NULL;
}

static const struct btf_type *find_struct(const struct btf *types, const char *name)
{
	int id = btf__find_by_name_kind(types, name, BTF_KIND_STRUCT);

	return id > 0 ? btf__type_by_id(types, (__u32)id) : NULL;
}

static void learn_btrfs(const struct btf *types, struct pvm_module_types *out)
{
	const struct btf_type *inode = find_struct(types, "btrfs_inode");
	const struct btf_type *root = find_struct(types, "btrfs_root"), *key;
	__u32 at[4] = { 0 };

	key = find_member(types, root, "root_key", &at[3], 0);
	if (!find_member(types, inode, "vfs_inode", &at[0], 0) ||
	    !find_member(types, inode, "root", &at[1], 0) ||
	    !find_member(types, root, "anon_dev", &at[2], 0) ||
	    !find_member(types, key, "objectid", &at[3], 0))
		return;
	out->btrfs_inode = at[0];
	out->btrfs_root = at[1];
	out->btrfs_dev = at[2];
	out->btrfs_id = at[3];
	__atomic_store_n(&out->btrfs, 1, __ATOMIC_RELEASE);
}

/* What an open file keeps is the real one, or from 6.13 on a structure whose member that is. */
static void learn_overlay(const struct btf *types, struct pvm_module_types *out)
{
	const struct btf_type *file = find_struct(types, "ovl_file");
	__u32 at = 0;

	if (!find_struct(types, "ovl_inode") ||
	    (file && !find_member(types, file, "realfile", &at, 0)))
		return;
	out->overlay_real = at;
	__atomic_store_n(&out->overlay, file ? 2 : 1, __ATOMIC_RELEASE);
}

/* Returns the module's own types, on top of the kernel's; NULL: it is not loaded. */
static struct btf *load_module(const char *module, struct btf *base)
{
	char path[64];

	snprintf(path, sizeof(path), MODULE_PATH, module);
	return is_there(module) ? btf__parse_split(path, base) : NULL;
}

static void learn(struct btf *base, const char *module, const char *type, bool *missing,
		  void (*from)(const struct btf *types, struct pvm_module_types *out),
		  struct pvm_module_types *out)
{
	bool built_in = find_struct(base, type) != NULL;
	struct btf *own = built_in ? NULL : load_module(module, base);

	if (built_in || own) {
		from(built_in ? base : own, out);
		*missing = false;
	}
	btf__free(own);
}

void module_types__learn(const char *file, struct pvm_module_types *out,
			 struct module_types_missing *m)
{
	struct btf *base = kernel_types__load(file);

	if (!base)
		return;
	/* The function came with what /proc/PID/maps shows since. */
	out->maps_real = btf__find_by_name_kind(base, "backing_file_user_path", BTF_KIND_FUNC) <= 0;
	if (m->btrfs)
		learn(base, "btrfs", "btrfs_inode", &m->btrfs, learn_btrfs, out);
	if (m->overlay)
		learn(base, "overlay", "ovl_inode", &m->overlay, learn_overlay, out);
	btf__free(base);
}

void module_types__tick(const char *file, struct pvm_module_types *out,
			struct module_types_missing *m)
{
	bool btrfs = m->btrfs && is_there("btrfs"), overlay = m->overlay && is_there("overlay");

	if (!btrfs && !overlay)
		return;
	module_types__learn(file, out, m);
	m->btrfs &= !btrfs;
	m->overlay &= !overlay;
}
