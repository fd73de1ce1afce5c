/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * region_text.h - paths of mapped files, and names of mappings, which are sent once like those of executables
 * (identity.h). A record has an id, and whoever refers to it has the same.
 *
 * A path's id is a keyed hash of all that tells one from another: where it lies (the entry of a directory, the mount and what that is
 * mounted on, in a mount namespace), by which name in which directory, and of which file it is, by number and generation. A name's
 * is one of its bytes.
 */
#ifndef PVM_REGION_TEXT_H
#define PVM_REGION_TEXT_H

#include "base.h"
#include "executable.h"
#include "identity.h"
#include "maps.h"
#include "names.h"
#include "region_room.h"
#include "settings.h"
#include "state.h"

static __always_inline u64 text_add(u64 id, u64 word)
{
	return pvm_pins_mix((id + cfg_digest_key[1]) ^ word);
}

/* Where a path is to be walked up from, and which one it is. */
struct mapped_file {
	u64 dentry;
	u64 mnt; /* struct vfsmount */
	u64 inode;
	u64 sb;
	u64 ino;
	u32 dev;
	bool deleted;
	bool memory; /* of a file system that has nothing else, and in no directory */
	bool named;  /* of the kernel's own, likewise: its name is no path */
};

static __always_inline u64 file_text(const struct mapped_file *f, u32 ns_mnt)
{
	u64 mnt = f->mnt - bpf_core_field_offset(struct mount, mnt);
	u64 id = text_add(cfg_digest_key[0], f->dentry);

	/* One that is moved, or made anew at the address of one before, hangs elsewhere. */
	id = text_add(id, f->mnt);
	id = text_add(id, PEEK(mnt, struct mount, mnt_mountpoint));
	id = text_add(id, PEEK(mnt, struct mount, mnt_parent));
	id = text_add(id, f->ino);
	id = text_add(id, PEEK(f->dentry, struct dentry, d_parent));
	id = text_add(id, PEEK(f->dentry, struct dentry, d_name.hash_len));
	id = text_add(id, PEEK(f->inode, struct inode, i_generation) << 32 | f->dev);
	id = text_add(id, (u64)ns_mnt << 1 | f->deleted);
	return id ? id : 1;
}

/* Reads a name of the kernel's into the hook's room, and gives its id; 0: it is empty, or cannot be read. from: its address. */
__noinline u64 label_text(u32 hook, u64 from)
{
	struct pvm_region_room *room = region_room(hook);
	u64 id = cfg_digest_key[0];

	if (!room)
		return 0;
	__builtin_memset(room->label, 0, sizeof(room->label));
	if (bpf_probe_read_kernel_str(room->label, sizeof(room->label), (void *)from) <= 1)
		return 0;
	for (u32 i = 0; i < LABEL_SZ / 8; i++) {
		id = text_add(id, room->label[i]);
	}
	return id ? id : 1;
}

static __always_inline void text_head(struct pvm_names *names, u64 id, u32 type)
{
	__builtin_memset(&names->head, 0, sizeof(names->head));
	names->head.hdr.type = type;
	names->head.hdr.version = PVM_WIRE_VERSION;
	names->head.id = id;
	names->cnt = 0;
	names->flags = 0;
	names->stale = 0;
	names->gap = 0;
}

static __always_inline void mapped_walk(struct pvm_names *names, u64 dentry, u64 vfsmnt, u32 ns_mnt,
					u32 hook)
{
	u64 mnt = vfsmnt - bpf_core_field_offset(struct mount, mnt);

	if (PEEK(PEEK(PEEK(dentry, struct dentry, d_inode), struct inode, i_sb), struct super_block,
		 s_magic) == ANON_INODE_FS_MAGIC)
		names->flags |= PVM_PATH_ANON_INODE;
	if (ns_mnt &&
	    (u32)PEEK(PEEK(mnt, struct mount, mnt_ns), struct mnt_namespace, ns.inum) != ns_mnt)
		names->flags |= PVM_PATH_DETACHED;
	names->at = dentry;
	names->mnt = mnt;
	for (int i = 0; i < PATH_DEPTH; i++)
		if (!exe_step(hook))
			return;
	names->flags |= PVM_PATH_CUT;
	/* As of an executable (exe_walk). */
	if (!names->cnt)
		names_add(names, (const unsigned char *)PEEK(dentry, struct dentry, d_name.name));
}

/* Sends the path from a dentry and its struct vfsmount upwards, or, without a dentry, the name that is in the hook's room. slot:
 * enum pvm_slot. Whether it was sent. */
__noinline int text_send(u64 id, u64 dentry, u64 mnt, u32 slot)
{
	struct pvm_state *s = state_at(slot);
	struct pvm_region_room *room;
	struct pvm_names *names;
	u32 hook;
	int sent;

	if (!s)
		return 0;
	hook = s->hook;
	names = bpf_map_lookup_elem(&pvm_names, &hook);
	room = region_room(hook);
	if (!names || !room)
		return 0;
	text_head(names, id, dentry ? PVM_MAPPED : PVM_LABEL);
	if (dentry)
		mapped_walk(names, dentry, mnt, s->call.target.ns_mnt, hook);
	else
		names_add(names, (const unsigned char *)room->label);
	sent = names_send_small(hook);
	if (!sent)
		sent = names_send_large(hook);
	if (sent < 0)
		count(PVM_C_IDENTITY_LOST);
	return sent > 0;
}

/* Has it sent, unless user space is known to have it. */
__noinline int text_settle(u64 id, u64 dentry, u64 mnt, u32 slot)
{
	struct pvm_state *s = state_at(slot);
	u32 epoch = pvm_shared.epoch, one = 1;
	u64 key = id;

	if (!s)
		return 0;
	if (!bpf_map_lookup_elem(&pvm_texts, &key)) {
		if (!text_send(id, dentry, mnt, slot))
			return 0;
		if (bpf_map_update_elem(&pvm_texts, &key, &one, BPF_ANY))
			count(PVM_C_IDENTITY_FULL);
	}
	s->text = id;
	s->text_epoch = epoch;
	return 0;
}

/* Whether user space is known to have it, which it nearly always is; also if there is none. */
static __always_inline bool text_is_known(const struct pvm_state *s, u64 id)
{
	return !id || (s->text == id && s->text_epoch == pvm_shared.epoch);
}

static __always_inline void text_know(struct pvm_state *s, u64 id, u64 dentry, u64 mnt)
{
	if (!text_is_known(s, id))
		text_settle(id, dentry, mnt, s->slot);
}

#endif
