/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mapping.h - which mapping of a memory an address lies in, without its locks. What keeps the memory's map from changing is
 * held by nobody here, so whatever is found is checked: the address has to lie in it, and it has to be this memory's. That nothing
 * is there is said only if an empty slot was come to by nodes that were alive, twice, and nobody was about to change the map: who
 * does takes mappings out and puts others in, and an address of both lies in none meanwhile (__vma_adjust of 5.10).
 *
 * Linux 6.1 and newer keep mappings in a maple tree (lib/maple_tree.c), whose nodes go when no program runs any more that
 * may have come to them (MT_FLAGS_USE_RCU; the first 6.1 lack it, and a node can be another tree's there); older ones in a red-black tree (lib/rbtree.c), and in a list in the order of addresses.
 */
#ifndef PVM_MAPPING_H
#define PVM_MAPPING_H

#include "base.h"
#include "task.h"

/* What else than the address of a mapping a walk comes to. */
#define MAPPING_NONE 0
#define MAPPING_LOST 1 /* its way was cut off */

#define MAPLE_DEPTH 12 /* a node has 5 children or more: for more mappings than there are pages */
#define MAPLE_NODE_MASK 255
#define MAPLE_PIVOTS 15 /* the most that a node has */
#define RB_DEPTH 64	/* likewise: twice the logarithm of their number */

#define MAPPING_WALKS 4
#define RWSEM_WRITER_LOCKED 1 /* kernel/locking/rwsem.c */

#define MAPPING(vma, field) PEEK(vma, struct vm_area_struct, field)

/* Number of the slot that an address belongs to, by the highest address of each: cnt of them, at pivots. Verified once, like
 * mapping_find. */
__noinline u32 maple_slot(u64 pivots, u32 cnt, u64 addr)
{
	u32 slot = 0;

	for (u32 i = 0; i < MAPLE_PIVOTS; i++) {
		u64 pivot;

		if (i >= cnt)
			break;
		pivot = peek(pivots + i * sizeof(u64));
		/* Behind the last one that is used stands 0. */
		if (pivot >= addr || (i && !pivot))
			break;
		slot++;
	}
	return slot;
}

/* One node down, by the kind of it: what stands in the slot. */
static __always_inline u64 maple_step(u64 node, u32 type, u64 addr)
{
	if (type == bpf_core_enum_value(enum maple_type, maple_arange_64)) {
		u64 at = node + bpf_core_field_offset(struct maple_node, ma64);
		u32 slot = maple_slot(at + bpf_core_field_offset(struct maple_arange_64, pivot[0]),
				      9, addr);

		return peek(at + bpf_core_field_offset(struct maple_arange_64, slot[0]) +
			    slot * sizeof(u64));
	}
	u64 at = node + bpf_core_field_offset(struct maple_node, mr64);
	u32 slot = maple_slot(at + bpf_core_field_offset(struct maple_range_64, pivot[0]),
			      MAPLE_PIVOTS, addr);

	return peek(at + bpf_core_field_offset(struct maple_range_64, slot[0]) +
		    slot * sizeof(u64));
}

/*
 * In the tree an entry is a node's address with its type in some of its low bits, and only of the root these say that it is
 * one. Verified once, like rb_find: also where the kernel has the other tree, so that nothing of it may be reached there.
 */
__noinline u64 maple_find(u64 mm, u64 addr)
{
	u64 entry;

	if (!bpf_core_field_exists(struct mm_struct, mm_mt))
		return MAPPING_LOST;
	entry = PEEK(mm, struct mm_struct, mm_mt.ma_root);
	if (!entry)
		return MAPPING_NONE;
	if ((entry & 3) != 2 || entry <= 4096)
		return MAPPING_LOST;
	for (u32 i = 0; i < MAPLE_DEPTH; i++) {
		u64 node = entry & ~(u64)MAPLE_NODE_MASK;
		u32 type = entry >> 3 & 15;
		bool leaf = type == bpf_core_enum_value(enum maple_type, maple_leaf_64);

		if (!leaf && type != bpf_core_enum_value(enum maple_type, maple_range_64) &&
		    type != bpf_core_enum_value(enum maple_type, maple_arange_64))
			return MAPPING_LOST;
		entry = maple_step(node, type, addr);
		/* One that was replaced meanwhile says so. */
		if ((PEEK(node, struct maple_node, parent) & ~(u64)MAPLE_NODE_MASK) == node)
			return MAPPING_LOST;
		if (leaf)
			return entry & 3 ? MAPPING_LOST : entry;
		if (!entry)
			return MAPPING_LOST;
	}
	return MAPPING_LOST;
}

#define LISTED(vma, field) PEEK(vma, struct vm_area_struct___listed, field)

/* Between two neighbours of the list there is nothing. Who has none yet is the memory: a number that the verifier does not know
 * is one state for all turns of the loop. */
__noinline u64 rb_find(u64 mm, u64 addr)
{
	u64 node, next, before = mm, behind = mm;

	if (bpf_core_field_exists(struct mm_struct, mm_mt))
		return MAPPING_LOST;
	node = PEEK(mm, struct mm_struct___listed, mm_rb.rb_node);
	for (u32 i = 0; i < RB_DEPTH && node; i++) {
		u64 vma = node - bpf_core_field_offset(struct vm_area_struct___listed, vm_rb);

		if (addr < MAPPING(vma, vm_start)) {
			behind = vma;
			node = LISTED(vma, vm_rb.rb_left);
		} else if (addr < MAPPING(vma, vm_end)) {
			return vma;
		} else {
			before = vma;
			node = LISTED(vma, vm_rb.rb_right);
		}
	}
	next = before != mm ? LISTED(before, vm_next) : PEEK(mm, struct mm_struct___listed, mmap);
	if (behind == mm)
		behind = 0;
	return node || next != behind ? MAPPING_LOST : MAPPING_NONE;
}

static __always_inline u64 mapping_walk(u64 mm, u64 addr)
{
	u64 vma;

	if (bpf_core_field_exists(struct mm_struct, mm_mt))
		vma = maple_find(mm, addr);
	else
		vma = rb_find(mm, addr);
	if (vma <= MAPPING_LOST)
		return vma;
	if (MAPPING(vma, vm_mm) != mm || addr < MAPPING(vma, vm_start) ||
	    addr >= MAPPING(vma, vm_end))
		return MAPPING_LOST;
	return vma;
}

/* Whether somebody holds the map to change it; where that cannot be read, no. */
__noinline u64 map_is_held(u64 mm)
{
	if (!bpf_core_field_exists(struct mm_struct, mmap_lock.count.counter))
		return 0;
	return PEEK(mm, struct mm_struct, mmap_lock.count.counter) & RWSEM_WRITER_LOCKED;
}

#define MAP_UNCOUNTED 1

/* How often somebody began or ended to change a memory's map: odd in between, and where the kernel does not count, before 6.14
 * (include/linux/mmap_lock.h, mm_lock_seqcount_begin). What is read between two looks that both give the same even number was there
 * at one time. */
static __always_inline u32 map_change_count(u64 mm)
{
	if (!bpf_core_field_exists(struct mm_struct, mm_lock_seq.sequence))
		return MAP_UNCOUNTED;
	return PEEK(mm, struct mm_struct, mm_lock_seq.sequence);
}

/* The address of the mapping (struct vm_area_struct) that an address of a memory lies in, MAPPING_NONE or MAPPING_LOST. A node
 * that died has a successor by now; and one look alone does not prove that nothing is there. */
__noinline u64 mapping_find(u64 mm, u64 addr)
{
	u32 empty = 0;

	for (u32 i = 0; i < MAPPING_WALKS; i++) {
		u64 before = map_is_held(mm), vma = mapping_walk(mm, addr);

		if (vma > MAPPING_LOST)
			return vma;
		if (vma == MAPPING_LOST || before || map_is_held(mm))
			empty = 0;
		else if (++empty == 2)
			return MAPPING_NONE;
	}
	return MAPPING_LOST;
}

#endif
