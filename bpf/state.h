/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* state.h - where the state of a call lives, and who makes and frees it. */
#ifndef PVM_STATE_H
#define PVM_STATE_H

#include "atomic.h"
#include "base.h"

enum pvm_stage {
	STAGE_IDLE = 0,
	STAGE_FILTERED = 1, /* inside a call that a filter dropped at entry */
	STAGE_REJECTED = 2, /* the same, for its target: decided, and counted, at its exit */
	STAGE_ACTIVE = 3,   /* inside a call that will be told */
};

/* This is what was last known to be remembered by user space about one side of a thread's calls. */
struct pvm_sent {
	u64 start_ns;
	u64 exe_ino;
	u64 cgroup; /* id and hierarchy */
	u32 pid;
	u32 exe_dev;
	u32 exec_id;
	u32 epoch;
};

/* This is whom a number named last (found.h). */
struct pvm_found {
	u64 task; /* addresses of its struct task_struct, */
	u64 pid;  /* and of its struct pid */
	u64 start_ns;
	u64 ended; /* tasks that had begun to end by then */
	s32 nr;	   /* the number; 0: it is not to be relied on */
	u32 pad;
};

/* This is what the looks at a list at entry and at exit say of it. */
enum list_looks {
	LOOKS_UNKNOWN = 0, /* one of them did not get all of it, or there was no room for it */
	LOOKS_FIRST = 1,   /* a long list: the first one got all of it, and the second is to come */
	LOOKS_EQUAL = 2,   /* also of a list that has no elements, or too many */
	LOOKS_DIFFER = 3,
};

/* How the lists lie that were read at once at entry (lists.h). */
enum list_pair {
	PAIR_NONE = 0, /* they were not */
	PAIR_LOCAL_FIRST = 1,
	PAIR_REMOTE_FIRST = 2, /* of one element each */
};

/* These are the pages that the kernel holds for a call, so far (confirm.h). */
struct pvm_held {
	struct pvm_pins pins; /* its sum without the last run */
	u64 run_first;
	u64 run_cnt;
	u64 start; /* kprobe: where the function that is running begins */
	u32 open;
	u32 missed; /* a hook did not run: nothing can be said */
	u32 chunks;
	u32 freed_chunks;
	u64 freed_pages;
};

/* How much of call.region is of the mapping below, and still so if that is. */
enum mapped_kept {
	KEPT_NOTHING = 0,
	KEPT_ALL = 1,
	KEPT_UNNAMED = 2, /* all but its kind, which is by where heap and stack are */
};

/* This is the mapping that a thread's call last came to (region.h), by which it need not be looked for again: that memory's map
 * is the same as long as it was not changed since. */
struct pvm_mapped {
	u64 vma; /* address */
	u64 mm;	 /* that of the memory; 0: there is none */
	u64 start_ns;
	u32 pid;
	u32 exec_id;
	u32 changes;   /* map_change_count at that time */
	u32 kept;      /* enum mapped_kept */
	u64 looked_ns; /* entry of the call that last came to it */
};

/* The places are of PVM_INLINE_SZ each: both lists at entry, both at exit; and the pages that were held, or a look at a part
 * of a long list (summary.h). For the verifier, which knows no more of where an array begins, one that begins in the last
 * place of a list has to fit too. */
#define DATA_LISTS 4
#define DATA_PLACES (DATA_LISTS + 1)

/*
 * This is a thread's call in flight, built up in place into the record that will be told. The entry may stay while the thread
 * lives, because making and deleting one for each call is dear (docs/design.md). So many stay at most that idle threads take no
 * room from calls; the end of a call frees the others.
 */
struct pvm_state {
	u64 thread_ns; /* start of the thread: an entry left by an earlier one of the same id is void */
	u32 stage;     /* enum pvm_stage */
	u32 exiting; /* the exit hook is at it: the sweep keeps off */
	u32 undecided; /* a filter on the target waits for the exit: the target was not there at entry */
	u32 hook;      /* enum pvm_hook: of the program that is at it */
	u16 kept;      /* boolean: it stays when its call ends */
	u16 slot;      /* enum pvm_slot: where this is */
	u32 seen;      /* enum pvm_saw: hooks that saw this call, or the last one (stages.h) */
	u64 told_ns;   /* entry of the call that an in_flight record was told of */
	u64 out_ns;    /* entry of the call that the sweep found to be over, and */
	u64 out_at_ns; /* since when; 0: it was told as such (sweep.h) */
	u32 row;       /* of pvm_here: where its entry was taken, or its exit is awaited */
	u32 awaits;    /* boolean: it was awaited there when this was last looked at */
	struct pvm_sent sent[2];
	/* Whose ancestry user space knows, as of when: pvm_call.ancestry of an earlier call, or 0; pvm_shared.epoch. */
	u64 ancestry[2];
	u32 ancestry_epoch[2];
	/* Who was behind both sides when that was looked at last, as pvm_call.ancestry; the entry of the call that did so, or 0; and
	 * the target that it was of. */
	u64 behind[2];
	u64 behind_ns[2];
	u64 behind_start_ns;
	u32 behind_pid;
	u32 aside; /* which place (aside.h) is the call's, counted from 1; 0: none */
	struct pvm_found found;
	struct pvm_held held;
	u64 mm; /* address of the target's memory; 0: it has none; and */
	/* That of its credentials, both as noted before they were read. Who changes them gets others, and no others have the address
	 * before a grace period of RCU is over. */
	u64 cred;
	u64 waits; /* current_waits at its entry */
	struct pvm_mapped mapped;
	u64 text; /* of a mapping: last known to be remembered by user space */
	u32 text_epoch;
	u32 moved; /* bytes that PVM_CALL_DATA means, or would mean if there were more of them (data.h) */
	u64 digest[2]; /* of the long lists of the call, local and remote, as read at entry */
	u32 looks[2];  /* enum list_looks: of both lists */
	u32 pair;      /* enum list_pair */
	u32 pad;
	/* With the call behind them, these are a struct pvm_summary. */
	struct pvm_hdr sum_hdr;
	struct pvm_tally tally;
	struct pvm_call call;
	/* This is the call's data: short arrays, of which the last place has room for what comes behind them. */
	u8 data[PVM_INLINE_SZ * DATA_PLACES];
};

#define CALLS_MAX 8192 /* threads inside a call at once */
#define KEPT_MAX 2048  /* entries of threads that are in none */
#define KEPT_SLACK 512 /* CPUs that may each keep one more, because all of them saw room */
#define STATE_MAX (CALLS_MAX + KEPT_MAX + KEPT_SLACK)

#define STATE_OFFSET(field) __builtin_offsetof(struct pvm_state, field)

/* The record of the call, its data and the pages behind them are in one piece. */
PVM_ASSERT(STATE_OFFSET(data) == STATE_OFFSET(call) + sizeof(struct pvm_call));
PVM_ASSERT(sizeof(struct pvm_state) - STATE_OFFSET(call) >= PVM_CALL_MAX);
PVM_ASSERT(sizeof(struct pvm_pins) <= PVM_INLINE_SZ);
/* From sum_hdr on it is a struct pvm_summary. */
PVM_ASSERT(STATE_OFFSET(sum_hdr) % 8 == 0);
PVM_ASSERT(STATE_OFFSET(tally) - STATE_OFFSET(sum_hdr) ==
	   __builtin_offsetof(struct pvm_summary, tally));
PVM_ASSERT(STATE_OFFSET(call) - STATE_OFFSET(sum_hdr) ==
	   __builtin_offsetof(struct pvm_summary, call));
PVM_ASSERT(sizeof(struct pvm_state) - STATE_OFFSET(sum_hdr) >= sizeof(struct pvm_summary));

/* The map is allocated at load: a caller cannot make the kernel fail to find memory. A thread keeps its struct task_struct
 * for life, while its id can be another thread's before anybody is told of it (exec by a thread that is not the
 * main one). So only the thread itself, in its own hooks, makes and deletes its entry; the sweep notes in it what it has
 * told of the call. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STATE_MAX);
	__type(key, u64); /* address of the thread's struct task_struct */
	__type(value, struct pvm_state);
} pvm_state SEC(".maps");

/* This is where the state of a call lives. */
enum pvm_slot {
	SLOT_OWN = 0, /* in pvm_state: that of the current thread */
	SLOT_ORPHAN =
		1, /* what an exit hook builds of a call without an entry, where the thread has no state */
	SLOT_SWEPT =
		2, /* the copy that the sweep makes; its member slot says where the original is */
	SLOT_OPENED =
		3, /* of who opened one of our objects; at sys_exit, and where the function of a 64-bit call ends */
	SLOT_OPENED_32 = 4, /* where that of a 32-bit call ends */
	SLOT_CNT,
};

/* This holds all but SLOT_OWN. Only the hook on sys_exit uses the one for orphans, and a program is never run twice at a
 * time on one CPU; only sweeps use the second one, one at a time; the last ones have each their own program. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOT_CNT - 1);
	__type(key, u32); /* enum pvm_slot, counted from 0 */
	__type(value, struct pvm_state);
} pvm_apart SEC(".maps");

/* This counts entries of pvm_state that stay when their call ends. */
static s64 state_kept;

/* This is what a new entry of pvm_state holds. */
static const struct pvm_state pvm_blank = {};

/* Returns the state of the thread with this struct task_struct; NULL: there is none. */
static __always_inline struct pvm_state *state_of(u64 task)
{
	return bpf_map_lookup_elem(&pvm_state, &task);
}

static __always_inline struct pvm_state *state_at(u32 slot)
{
	u32 at = slot - 1;

	return slot == SLOT_OWN ? state_of(bpf_get_current_task())
				: bpf_map_lookup_elem(&pvm_apart, &at);
}

/* Makes one for the current thread, which has none; NULL: there is no room. */
static __always_inline struct pvm_state *state_new(u64 task)
{
	if (bpf_map_update_elem(&pvm_state, &task, &pvm_blank, BPF_NOEXIST))
		return NULL;
	return state_of(task);
}

static __always_inline bool state_may_stay(void)
{
	return state_kept < KEPT_MAX;
}

/* Marks that the current thread's is to stay when its call ends. */
static __always_inline void state_keep(struct pvm_state *s)
{
	s->kept = 1;
	atomic_add(&state_kept, 1);
}

/* Frees the current thread's. */
static __always_inline void state_free(const struct pvm_state *s, u64 task)
{
	if (s->kept)
		atomic_add(&state_kept, -1);
	bpf_map_delete_elem(&pvm_state, &task);
}

#endif
