/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* maps.h - every map, the control block and the settings, each with its size and the reason for it. */
#ifndef PVM_MAPS_H
#define PVM_MAPS_H

#define PVM_PAGE_SZ \
	4096 /* the smallest page of any architecture: what is readable is a multiple of it */

enum pvm_stage {
	STAGE_IDLE = 0,
	STAGE_FILTERED = 1, /* inside a call that a filter dropped at entry */
	STAGE_REJECTED = 2, /* the same, for its target: decided, and counted, at its exit */
	STAGE_ACTIVE = 3,   /* inside a call that will be told */
	STAGE_ORPHAN = 4,   /* an exit without an entry: in no table */
};

/* Which program a hook is: of each there is room for what it keeps aside during one run. */
enum pvm_hook {
	HOOK_ENTER = 0,
	HOOK_EXIT = 1,
	HOOK_ACCESS = 2,
	HOOK_FENTRY = 3, /* and on: each program on a system call's own function (fentry.h) */
	HOOK_FENTRY_LAST = HOOK_FENTRY + 7,
	HOOK_BEGIN,  /* witnesses (witness.h): where such a function begins, */
	HOOK_RETURN, /* where it returns, */
	HOOK_END,    /* and where the system call ends */
	HOOK_CNT,
	/* May run on top of itself, so there is no room for it: what needs some is put off to the next hook. */
	HOOK_PERMIT = HOOK_CNT,
	/* With one of the above: a program for where there are no witnesses, which has not one instruction of what these need. */
	HOOK_ALONE = 0x100,
};

/* Which one it is, whether alone or not. */
#define HOOK_OF(hook) ((hook) & ~HOOK_ALONE)

/* Whether others may see the same call. hook: a constant, and so is this. */
#define BESIDE(hook) (!((hook)&HOOK_ALONE))

/* What was last known to be remembered by user space about one side of a thread's calls. */
struct pvm_sent {
	u64 start_ns;
	u64 exe_ino;
	u64 cgroup; /* id and hierarchy */
	u32 pid;
	u32 exe_dev;
	u32 exec_id;
	u32 epoch;
};

/* What the looks at a list at entry and at exit say of it. */
enum list_looks {
	LOOKS_UNKNOWN = 0, /* one of them did not get all of it, or there was no room for it */
	LOOKS_FIRST = 1,   /* a long list: the first one got all of it, and the second is to come */
	LOOKS_EQUAL = 2,   /* also of a list that has no elements, or too many */
	LOOKS_DIFFER = 3,
};

/* Pages that the kernel holds for a call, so far (confirm.h). */
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

/* Of PVM_INLINE_SZ each: both lists at entry, both at exit; and the pages that were held, or a look at a part of a long list
 * (summary.h). For the verifier, which knows no more of where an array begins, one that begins in the last place of a list
 * has to fit too. */
#define DATA_LISTS 4
#define DATA_PLACES (DATA_LISTS + 1)

/*
 * A thread's call in flight, built up in place into the record that will be told. The entry may stay while
 * the thread lives, because making and deleting one for each call is dear (docs/design.md). So many stay at most
 * that idle threads take no room from calls; the end of a call frees the others.
 */
struct pvm_state {
	u64 thread_ns; /* start of the thread: an entry left by an earlier one of the same id is void */
	u32 stage;     /* enum pvm_stage */
	u32 exiting; /* the exit hook is at it: the sweep keeps off */
	u32 undecided; /* a filter on the target waits for the exit: the target was not there at entry */
	u32 hook;      /* enum pvm_hook: of the program that is at it */
	u16 kept;      /* boolean: it stays when its call ends */
	u16 apart;     /* boolean: this is an orphan in pvm_orphan */
	u32 seen;      /* enum pvm_saw: hooks that saw this call, or the last one (state.h) */
	u64 told_ns;   /* entry of the call that an in_flight record was told of */
	u64 out_ns;    /* entry of the call that the sweep found to be over, and */
	u64 out_at_ns; /* since when; 0: it was told as such (sweep.h) */
	u32 row;       /* of pvm_here: where its entry was taken, or its exit is awaited */
	u32 awaits;    /* boolean: it was awaited there when this was last looked at */
	struct pvm_sent sent[2];
	struct pvm_held held;
	u64 digest[2]; /* of the long lists of the call, local and remote, as read at entry */
	u32 looks[2];  /* enum list_looks: of both lists */
	/* With the call behind them, a struct pvm_summary. */
	struct pvm_hdr sum_hdr;
	struct pvm_tally tally;
	struct pvm_call call;
	/* The call's data: short arrays, of which the last place has room for what comes behind them. */
	u8 data[PVM_INLINE_SZ * DATA_PLACES];
};

#define CALLS_MAX 8192 /* threads inside a call at once */
#define KEPT_MAX 2048  /* entries of threads that are in none */
#define KEPT_SLACK 512 /* CPUs that may each keep one more, because all of them saw room */
#define STATE_MAX (CALLS_MAX + KEPT_MAX + KEPT_SLACK)

#define STATE_OFFSET(field) __builtin_offsetof(struct pvm_state, field)

/* The record of the call, its data and the pages behind them, in one piece. */
PVM_ASSERT(STATE_OFFSET(data) == STATE_OFFSET(call) + sizeof(struct pvm_call));
PVM_ASSERT(sizeof(struct pvm_state) - STATE_OFFSET(call) >= PVM_CALL_MAX);
PVM_ASSERT(sizeof(struct pvm_pins) <= PVM_INLINE_SZ);
/* From sum_hdr on, a struct pvm_summary. */
PVM_ASSERT(STATE_OFFSET(sum_hdr) % 8 == 0);
PVM_ASSERT(STATE_OFFSET(tally) - STATE_OFFSET(sum_hdr) ==
	   __builtin_offsetof(struct pvm_summary, tally));
PVM_ASSERT(STATE_OFFSET(call) - STATE_OFFSET(sum_hdr) ==
	   __builtin_offsetof(struct pvm_summary, call));
PVM_ASSERT(sizeof(struct pvm_state) - STATE_OFFSET(sum_hdr) >= sizeof(struct pvm_summary));

/* 15 MiB, allocated at load: a caller cannot make the kernel fail to find memory. A thread keeps its struct task_struct
 * for life, while its id can be another thread's before anybody is told of it (exec by a thread that is not the
 * main one). So only the thread itself, in its own hooks, makes, changes and deletes its entry. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STATE_MAX);
	__type(key, u64); /* address of the thread's struct task_struct */
	__type(value, struct pvm_state);
} pvm_state SEC(".maps");

/* A call that was told by one of its last hooks, where its state could not be kept for the others. */
struct pvm_over {
	u64 thread_ns;
	u64 args; /* sum of the arguments */
	u32 seen; /* enum pvm_saw */
	u32 pad;
};

#define HERE_PERMITTED 1 /* bit of an address: permission was asked for in that call */

/* What the hooks on a CPU last did (here.h). */
struct pvm_here {
	u64 inside; /* the thread whose call was taken here and is not over, with HERE_PERMITTED; 0: none */
	u64 awaited; /* the thread whose return was seen here, and its exit not yet; 0: none. Of that call: */
	u64 args; /* sum of its arguments */
	u32 what; /* ARCH_CALL */
} __attribute__((aligned(64)));

static struct pvm_here pvm_here[PVM_CPU_ROWS];

/*
 * They are looked up within microseconds; what stays is what a hook has missed, and goes first. One that goes too early
 * makes a call be told twice: for that, while its thread is between the last two hooks, as many other calls would
 * have to be left there as there is room for, each by a thread of its own that is preempted there or whose hook was
 * passed over. The user half makes it small where there are no witnesses, and larger where many CPUs lay room aside
 * (kernel/bpf/bpf_lru_list.c, LOCAL_FREE_TARGET).
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* the user half sets it (user/kernel/witness.c) */
	__type(key, u64);	/* address of the thread's struct task_struct */
	__type(value, struct pvm_over);
} pvm_over SEC(".maps");

/* Where the exit hook builds an orphan that has no state. Only pvm_exit uses it, and a program is
 * never run twice at a time on one CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pvm_state);
} pvm_orphan SEC(".maps");

/* Where the sweep makes its copy of a call in flight. Only pvm_sweep uses it, one at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pvm_state);
} pvm_swept SEC(".maps");

#define PATH_DEPTH 64 /* names and mounts of one path; a longer one is marked as cut */
PVM_ASSERT(PVM_IS_POWER_OF_2(PATH_DEPTH));

/* The names of a path, from the last one upwards, before their lengths are known. */
struct pvm_names {
	u32 cnt;
	u8 flags; /* enum pvm_path_flag */
	u8 stale; /* the task is not what it was */
	u16 gap; /* number of the first name behind those that were left out in the middle; 0: none were */
	u32 sent; /* of a path that is cut: names from its end that are in the record */
	u32 pad;
	u64 at;	 /* how far the way up has come: a dentry or a kernfs node */
	u64 mnt; /* and the mount that the dentry is in */
	const unsigned char *name[PATH_DEPTH];
	struct pvm_path head;  /* of the record that they will stand in */
	struct pvm_task owner; /* of the target's memory (memory.h): whose paths these are */
};

/* Filled and used up within one run of a hook, one entry for each hook: newer kernels may preempt a hook, but never
 * run the same one twice at a time on a CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_CNT);
	__type(key, u32); /* enum pvm_hook */
	__type(value, struct pvm_names);
} pvm_names SEC(".maps");

/* Calls and identities: about 20,000 calls of one element a side. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} pvm_calls SEC(".maps");

/* Long arrays have a ring of their own, so that a flood of them cannot push out calls. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} pvm_arrays SEC(".maps");

/* Each call that a hook saw, for --audit. The user half sets the size: a page where it is not used. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
} pvm_seen SEC(".maps");

/* Processes whose executable (and arguments) user space knows; twice as many as that remembers, since
 * it is the one that evicts. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32); /* host tgid */
	__type(value, struct pvm_proc_val);
} pvm_procs SEC(".maps");

/* Cgroups whose path user space knows, with its verdict on them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct pvm_cgroup_key);
	__type(value, struct pvm_cgroup_val);
} pvm_cgroups SEC(".maps");

/* Calls that found no room in the ring, or are aggregated: told together. So many pairs of processes in
 * the second or two between two visits of the reader; memory is taken as they come, 16 MiB at most. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pvm_summary_key);
	__type(value, struct pvm_summary);
} pvm_summaries SEC(".maps");

/* Pairs of processes, each with its exec and rights, of which a call of this operation and outcome was told one by one
 * (--aggregate): the oldest are forgotten, and then told so again. The user half makes it small where it is not used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct pvm_summary_key); /* without window and reason */
	__type(value, u32);
} pvm_known SEC(".maps");

/* Filters: as many values as options were given; the user half sets the sizes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct pvm_pid_key);
	__type(value, struct pvm_pid_val);
} pvm_filter_pid SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct pvm_uid_key);
	__type(value, u32); /* enum pvm_verdict */
} pvm_filter_uid SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct pvm_comm_key);
	__type(value, u32); /* enum pvm_verdict */
} pvm_filter_comm SEC(".maps");

#define MEMORIES_MAX 1024 /* places that are looked at; of more processes only the numbers count */

/* The user half sets the size, and reads it where it is mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct pvm_memory);
} pvm_memories SEC(".maps");

/* Written by the user half, where it is mapped (commands.h): one page. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PVM_COMMAND_CNT);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct pvm_command);
} pvm_commands SEC(".maps");

/* The control block, mapped into the user half. */
struct pvm_shared pvm_shared __attribute__((aligned(128)));

struct pvm_module_types pvm_module_types __attribute__((aligned(128)));

/* The hooks on the pages are attached. */
__u32 pins_on;

/* Inode number of the mount namespace of the host's first process: the host's own. 0: not known. */
__u32 host_mnt;

/* Where the process that pvm_look finds is put in pvm_memories, counted from 1; 0: nowhere. */
__u32 memory_place;

/* Entries of pvm_state that stay when their call ends. */
static s64 state_kept;

/* What a new entry of pvm_state holds. */
static const struct pvm_state pvm_blank = {};

/* Settings, fixed before load: what is off costs nothing, because the verifier removes it. Masks
 * named has_… say which verdicts a filter has values for (1 << enum pvm_verdict), by side. */
const volatile bool cfg_use_kfunc = false; /* look targets up by bpf_task_from_vpid */
const volatile __u32 cfg_ops = 0;	   /* 1 << enum pvm_op that pass; 0: all */
const volatile bool cfg_no_self = false;
const volatile __u32 cfg_outcome = 0; /* 1: only successes, 2: only failures */
const volatile __u64 cfg_min_bytes = 0;
const volatile __u32 cfg_has_pid[2] = {};
const volatile __u32 cfg_memories = 0; /* processes in pvm_memories */
const volatile __u32 cfg_has_uid[2] = {};
const volatile __u32 cfg_has_comm[2] = {};
const volatile __u32 cfg_has_cgroup[2] = {}; /* and container: user space judges */
const volatile __u64 cfg_array_ring_sz = 4 << 20;
const volatile bool cfg_aggregate = false;
const volatile __u64 cfg_parked_ns = 0;	     /* --aggregate: longer calls are told one by one */
const volatile __u64 cfg_digest_key[2] = {}; /* random: list_digest */
const volatile __u64 cfg_pin_key[2] = {};    /* random: pvm_pins_add */
const volatile __u32 cfg_page_shift = 12;
const volatile bool cfg_audit = false;
const volatile bool cfg_typed_regs = false; /* hooks get typed pointers to the registers */
const volatile bool cfg_witness = false;    /* there are witnesses (witness.h) */
const volatile bool cfg_quick = false;	    /* they see returns: here.h */
const volatile bool cfg_stacks = false;	    /* for which threads need a shadow stack: witness.h */
const volatile __u32 cfg_last = 0; /* enum pvm_saw: hooks at the end of a call, behind all others */

/* The state of the current thread's call: the orphan that is being built, or the one in flight. */
static __always_inline struct pvm_state *state_current(bool orphan)
{
	u64 task = bpf_get_current_task();
	u32 zero = 0;

	return orphan ? bpf_map_lookup_elem(&pvm_orphan, &zero)
		      : bpf_map_lookup_elem(&pvm_state, &task);
}

/* Rows are by CPU to keep cache lines apart; atomic, because CPUs beyond the last row share them. */
static __always_inline void count(enum pvm_count what)
{
	u32 row = bpf_get_smp_processor_id() & (PVM_CPU_ROWS - 1);

	atomic_add(&pvm_shared.rows[row].n[what], 1);
}

/*
 * A sleeping reader is woken by the first record; a busy one comes by itself (user/loop.c): waking it for
 * every record would cost more than the record. Called after the record was submitted, which is a full barrier:
 * either we see that the reader is asleep, or it sees the record before it sleeps.
 */
static __always_inline void wake(void)
{
	void *kick;

	if (!pvm_shared.asleep)
		return;
	pvm_shared.asleep = 0;
	kick = bpf_ringbuf_reserve(&pvm_calls, 8, 0);
	if (kick)
		bpf_ringbuf_discard(kick, BPF_RB_FORCE_WAKEUP);
}

#endif
