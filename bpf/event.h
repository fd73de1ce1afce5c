/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * event.h - the wall between the kernel half and the user half: every record that passes through a ring, or is read from an
 * iterator. With control.h, command.h, functions.h, keys.h and rules.h, and what types.h gives them all, that is all that the
 * halves share.
 *
 * These are the rules: fields have a fixed width, enum values are explicit, every record starts with struct pvm_hdr and its
 * size, and variable data comes last. The layout is only appended to; it is asserted below, so on both sides. All numbers are
 * in the byte order of the host.
 */
#ifndef PVM_EVENT_H
#define PVM_EVENT_H

#include "region_event.h"
#include "types.h"

/* All times are CLOCK_BOOTTIME of the kernel itself (bpf_ktime_get_boot_ns, 5.8): it goes on in suspend, and no time
 * namespace shifts it. */
#define PVM_WIRE_VERSION 3
#define PVM_COMM_SZ 16
#define PVM_IOV_MAX 1024   /* UIO_MAXIOV: the kernel refuses longer arrays */
#define PVM_INLINE_CNT 8   /* arrays of up to this many elements travel inside the call record */
#define PVM_ELEMENT_MAX 16 /* bytes of the longest element of an array (pvm_element_sz) */
#define PVM_INLINE_SZ (PVM_INLINE_CNT * PVM_ELEMENT_MAX)
#define PVM_PATH_MAX 4096    /* bytes of an executable's or a cgroup's path that are carried */
#define PVM_ARGS_MAX 4096    /* bytes of arguments that are carried */
#define PVM_DATA_MAX 256     /* bytes of what a call moved that are carried */
#define PVM_ANCESTORS_MAX 16 /* generations behind a caller that are told */
#define PVM_TTY_SZ 16
#define PVM_REGIONS_MAX 64    /* remote elements that are looked at; besides these, the last */
#define PVM_NO_ID 0xffffffffu /* loginuid or sessionid that is not set; a namespace not known */

/* This is an element of an array as 64-bit ABIs lay it out, and as 32-bit ones do. */
struct pvm_element {
	__u64 base;
	__u64 len;
};

struct pvm_element32 {
	__u32 base;
	__u32 len;
};

enum pvm_type {
	PVM_CALL = 1,	    /* struct pvm_call, in the ring of calls */
	PVM_EXE = 2,	    /* struct pvm_path: an executable's path, in the ring of calls */
	PVM_ARGS = 3,	    /* struct pvm_args, in the ring of calls */
	PVM_CGROUP = 4,	    /* struct pvm_path: a cgroup's path, in the ring of calls */
	PVM_SELF_TEST = 5,  /* struct pvm_self_test, in the ring of calls */
	PVM_ARRAY = 6,	    /* struct pvm_array, in the ring of arrays */
	PVM_ARRAY_DROP = 7, /* struct pvm_array without data: the call was filtered at its exit */
	PVM_SUMMARY = 8,    /* struct pvm_summary, read from an iterator over its map */
	PVM_ANCESTRY = 20,  /* struct pvm_ancestry, in the ring of calls */
	PVM_MAPPED = 21,    /* struct pvm_path: of a file that is mapped, in the ring of calls */
	PVM_LABEL = 22,	 /* struct pvm_path: of a mapping that has a name and no file, likewise */
	PVM_OPENED = 23, /* struct pvm_opened, in the ring of calls */
};

struct pvm_hdr {
	__u32 size; /* bytes of the whole record, header and data included */
	__u16 type; /* enum pvm_type */
	__u16 version;
};

enum pvm_phase {
	PVM_COMPLETE = 1,
	PVM_IN_FLIGHT = 2,
	PVM_UNFINISHED = 3,
	/* From here on it is not known how long the call took. */
	PVM_ORPHAN = 4,
	PVM_ENDED = 5, /* entry seen, and it has ended; no hook saw the exit */
};

enum pvm_abi {
	PVM_ABI_X86_64 = 1,
	PVM_ABI_I386 = 2,
	PVM_ABI_X32 = 3,
	PVM_ABI_ARM64 = 4,
	PVM_ABI_ARM = 5,
	PVM_ABI_CNT, /* with 0, which is none */
};

enum pvm_op {
	PVM_READ = 1,
	PVM_WRITE = 2,
};

/* These are the arguments of a call. */
enum pvm_arg {
	PVM_ARG_PID = 0, /* or a pidfd */
	PVM_ARG_LOCAL = 1,
	PVM_ARG_LOCAL_CNT = 2,
	PVM_ARG_REMOTE = 3,
	PVM_ARG_REMOTE_CNT = 4,
	PVM_ARG_FLAGS = 5, /* enum pvm_arg_flag (rules.h) */
	PVM_ARG_CNT = 6,
};

/* A cgroup id is of one of these hierarchies: ids are unique within one only. */
enum pvm_hier {
	PVM_HIER_V2 = 1,
	PVM_HIER_PIDS = 2,
	PVM_HIER_MEMORY = 3,
};

enum pvm_task_flag {
	PVM_TASK_EXE =
		1, /* it has an executable: exe_ino, exe_dev and EXE_DELETED mean something */
	PVM_TASK_EXE_DELETED =
		2, /* the executable's directory entry is gone (memfd: never had one) */
	PVM_TASK_CGROUP_WAIT =
		4,		/* no verdict on its cgroup in the kernel yet: user space filters */
	PVM_TASK_CREDS = 8,	/* the user and group ids and caps_effective were read */
	PVM_TASK_REJECTED = 16, /* nobody sets it any more, but there are recordings that have it */
	PVM_TASK_MNT_HOST = 32, /* its mount namespace is that of the host's first process */
	PVM_TASK_MNT_OTHER = 64, /* it is another one; neither of the two: not known */
};

/* This is a process (and the thread of it that took part), as the kernel knew it at the moment of the call. Ids
 * are those of the initial namespaces, but for pid_ns. */
struct pvm_task {
	__u64 start_ns; /* CLOCK_BOOTTIME of the process's start: with pid, the process's identity */
	__u64 cgroup_id;
	__u64 exe_ino;
	__u64 caps_effective;
	__u32 pid; /* tgid */
	__u32 tid;
	__u32 ppid;	/* tgid of the real parent */
	__u32 pid_ns;	/* tgid inside the innermost pid namespace of the process */
	__u32 uid;	/* real */
	__u32 gid;	/* real */
	__u32 euid;	/* effective */
	__u32 loginuid; /* PVM_NO_ID: not set */
	__u32 sessionid;
	__u32 ns_pid; /* inode numbers of the namespaces; 0: not known (the task is exiting) */
	__u32 ns_mnt;
	__u32 ns_user;
	__u32 exe_dev; /* the kernel's own encoding: major << 20 | minor */
	__u32 exec_id; /* number of exec calls in the process's ancestry: changes with every exec */
	__u8 hier;     /* enum pvm_hier; 0: no cgroup known */
	__u8 flags;    /* enum pvm_task_flag */
	__u16 pad0;
	__u32 process_uid;	 /* real, of the main thread: a thread may have another one */
	char comm[PVM_COMM_SZ];	 /* of the thread; any bytes, ends at the first NUL */
	char pcomm[PVM_COMM_SZ]; /* of the real parent's main thread */
	__u64 thread_ns;	 /* CLOCK_BOOTTIME of the start of thread tid itself */
	__u32 egid;		 /* effective */
	__u32 suid;		 /* saved */
	__u32 sgid;		 /* saved */
	__u32 pad2;
};

/* This is the process whose memory another one works in: a vfork child's parent, until the child executes a program. The
 * members are as in struct pvm_task. */
struct pvm_owner {
	__u64 start_ns;
	__u64 cgroup_id;
	__u64 exe_ino;
	__u32 pid;
	__u32 uid;
	__u32 exe_dev;
	__u32 exec_id;
	__u8 hier;
	__u8 flags;
	__u16 rules; /* that it leaves, as pvm_call.rules */
	__u32 ns_pid;
	char comm[PVM_COMM_SZ]; /* of the process's main thread */
};

#define PVM_PID_NS_HOST 0xeffffffcU /* include/linux/proc_ns.h: PROC_PID_INIT_INO */

/* This says where a process is at home, by its namespaces. */
enum pvm_home {
	PVM_HOME_UNKNOWN = 0,
	PVM_HOME_HOST = 1,	/* the host's own pid and mount namespace */
	PVM_HOME_HOST_PIDS = 2, /* its pid namespace is the host's, its mount namespace is not */
	PVM_HOME_OTHER = 3,
	PVM_HOME_CNT = 4,
};

enum pvm_side_flag {
	PVM_SIDE_ENTRY = 1, /* the array was looked at at entry: entry_ok means something */
	PVM_SIDE_EXIT = 2,  /* the array was looked at at exit: exit_ok means something */
	PVM_SIDE_SAME = 4,  /* both snapshots are complete and equal: the second is not carried */
	PVM_SIDE_RING = 8,  /* more than PVM_INLINE_CNT elements: carried by struct pvm_array */
	PVM_SIDE_ENTRY_LOST = 16, /* the array record of the entry found no room in its ring */
	PVM_SIDE_EXIT_LOST = 32,  /* the array record of the exit found no room in its ring */
};

/* This is one array of a call. The number of elements looked at is the kernel's (pvm_used_count); above PVM_IOV_MAX nothing
 * is read. Page n of an array is the n-th page frame its bytes lie on, counted from the page of addr. */
struct pvm_side {
	__u64 addr;	 /* register, as the ABI passes it (32-bit ABIs: zero-extended) */
	__u64 count;	 /* likewise */
	__u16 entry_len; /* bytes of the entry snapshot inside this record: 0 or the array's size */
	__u16 exit_len;	 /* bytes of the exit snapshot inside this record: 0 or the array's size */
	__u8 flags;	 /* enum pvm_side_flag */
	__u8 entry_ok;	 /* bit n: page n of the array was readable at entry */
	__u8 exit_ok;	 /* bit n: page n of the array was readable at exit */
	__u8 pad;
};

enum pvm_kind {
	PVM_KIND_PID = 1,
	PVM_KIND_PIDFD = 2,
};

enum pvm_resolved {
	PVM_UNRESOLVED = 0,
	PVM_RESOLVED_ENTRY = 1,
	PVM_RESOLVED_EXIT = 2, /* not there, or another one, at entry; or an orphan */
};

enum pvm_kinship {
	PVM_KIN_NONE = 0,
	PVM_KIN_SELF = 1,
	PVM_KIN_CHILD = 2,  /* the target descends from the caller */
	PVM_KIN_PARENT = 3, /* the caller descends from the target */
};

enum pvm_call_flag {
	PVM_CALL_TARGET_MOVED = 1, /* later the same argument named another process than at entry */
	PVM_CALL_TARGET_CONFIRMED = 2, /* the kernel went for this process's memory */
	PVM_CALL_PINS = 4,	       /* a struct pvm_pins stands at the record's end */
	PVM_CALL_TARGET_GONE = 8,      /* later the same argument named nobody */
	PVM_CALL_MEMORY_KNOWN = 16,    /* SAME_MEMORY means something */
	PVM_CALL_SAME_MEMORY = 32,     /* caller and target are of one address space */
	PVM_CALL_OWNER = 64, /* the target's memory is another process's: owner means something */
	PVM_CALL_TARGET_UNSURE =
		128, /* the same argument may have named another process meanwhile */
	PVM_CALL_TARGET_EXECED = 256, /* the target executed another file meanwhile */
	/* It is an orphan that no hook saw, only perf's probe (user/audit/audit.h): its moment is that of its entry, and of
	 * its caller no more is known than /proc says. */
	PVM_CALL_AUDIT = 512,
	/* The first bytes that it moves were read: struct pvm_array of PVM_ARRAY_DATA. */
	PVM_CALL_DATA = 1024,
	/* --relation was asked, and user space decides, which alone knows containers. */
	PVM_CALL_RELATION_WAIT = 2048,
	PVM_CALL_TRACED = 4096, /* somebody ptraces the calling thread */
	/* Not all of what PVM_CALL_DATA means could be read at entry: what was read at exit is another array, with at_exit. */
	PVM_CALL_DATA_MORE = 8192,
};

/* These say whose memory the target works in. */
#define PVM_CALL_MEMORY_FLAGS (PVM_CALL_MEMORY_KNOWN | PVM_CALL_SAME_MEMORY | PVM_CALL_OWNER)

#define PVM_CAP_SYS_PTRACE (1ULL << 19) /* include/uapi/linux/capability.h */

enum pvm_access_flag {
	PVM_ACCESS_KNOWN = 1,	 /* the rest of it, but for what a hook saw, was read */
	PVM_ACCESS_DUMPABLE = 2, /* so was dumpable: the target has a memory */
	/* The caller has CAP_SYS_PTRACE in the target's user namespace; in the one that its program was executed in. */
	PVM_ACCESS_CAPABLE = 4,
	PVM_ACCESS_CAPABLE_EXEC = 8,
	/* Both are in one user namespace, and the caller is permitted each capability that the target is. */
	PVM_ACCESS_COVERED = 16,
	PVM_ACCESS_ASKED = 32,	 /* the kernel asked its security modules, */
	PVM_ACCESS_REFUSED = 64, /* and they refused */
	PVM_ACCESS_TRACED = 128, /* the caller ptraces the target's thread */
	PVM_ACCESS_DEEP =
		256, /* the target has more ancestors than were asked whether they are the caller */
};

/* By what, besides the ids of both, the kernel judges whether the caller may reach into the target's memory
 * (kernel/ptrace.c). What it makes of it: user/event/access.c. */
struct pvm_access {
	__u32 user_ns_owner; /* uid of who made the target's user namespace */
	__u16 flags;	     /* enum pvm_access_flag */
	__u8 dumpable;	     /* as prctl(PR_GET_DUMPABLE) has it */
	__u8 yama;	     /* enum pvm_yama */
};

/* kernel.yama.ptrace_scope and 1. */
enum pvm_yama {
	PVM_YAMA_NONE = 0, /* there is no such module */
	PVM_YAMA_DISABLED = 1,
	PVM_YAMA_RELATIONAL =
		2, /* descendants only, or whoever the target names (PR_SET_PTRACER) */
	PVM_YAMA_CAPABILITY = 3,
	PVM_YAMA_NO_ATTACH = 4,
};

/* These are pages of the target that the kernel held during a call, in the order of its work. */
struct pvm_pins {
	__u64 sum;   /* over the runs of pages that follow each other: pvm_pins_add (rules.h) */
	__u64 first; /* address of the first one; pages 0: 0 */
	__u64 last;
	__u32 pages; /* how many, each as often as it was held */
	__u32 pad;
};

/* This is one attempted call. Its identity on this boot is (caller.tid, entry_ns): one thread cannot be in two calls at
 * once. The data are local entry, remote entry, local exit, remote exit, without gaps, each as long as its side says;
 * elements are as the ABI lays them out. With PVM_CALL_PINS a struct pvm_pins follows. Behind that there is something
 * without meaning in flight only. */
struct pvm_call {
	struct pvm_hdr hdr;
	__u64 entry_ns; /* CLOCK_BOOTTIME; an orphan's is the moment of its exit */
	__u64 exit_ns;	/* CLOCK_BOOTTIME; in flight, unfinished or ended: the moment of the look */
	__u64 args[PVM_ARG_CNT]; /* as the ABI passes them (32-bit ABIs: zero-extended) */
	__s64 ret;		 /* meaningless when in flight, unfinished or ended */
	__u8 phase;		 /* enum pvm_phase */
	__u8 abi;		 /* enum pvm_abi */
	__u8 op;		 /* enum pvm_op */
	__u8 kind;		 /* enum pvm_kind */
	__u8 resolved;		 /* enum pvm_resolved */
	__u8 kinship;		 /* enum pvm_kinship */
	__u16 flags;		 /* enum pvm_call_flag */
	struct pvm_side local;
	struct pvm_side remote;
	struct pvm_task caller;
	struct pvm_task target; /* all zero when unresolved */
	struct pvm_owner owner; /* all zero without PVM_CALL_OWNER */
	struct pvm_access access;
	__u64 ancestry
		[2]; /* by enum pvm_who: pvm_ancestry.id of the caller, of the target; 0: not known */
	struct pvm_region region; /* the first one */
	__u16 region_cnt;	  /* how many there are: 0 if all elements are empty */
	__u8 look;		  /* enum pvm_look_flag; without TAKEN, region means nothing */
	__u8 pad0;
	/* Of the rules that are left (PVM_RULES_MAX): by the filters on the caller and the call, by those on the target. */
	__u16 rules[2];
	__u8 data[];
};

/* No record of a call is longer: four short arrays, and the pages that were held. */
#define PVM_CALL_MAX (sizeof(struct pvm_call) + 4 * PVM_INLINE_SZ + sizeof(struct pvm_pins))

/* This is what a struct pvm_array holds. */
enum pvm_array_of {
	PVM_ARRAY_LOCAL = 0,  /* elements of the local side */
	PVM_ARRAY_REMOTE = 1, /* elements of the remote side */
	/* What stood first in the local ranges: of a write at its entry, else at the exit. ok and at_exit are 0. */
	PVM_ARRAY_DATA = 2,
	PVM_ARRAY_REGIONS = 3, /* struct pvm_region, of the remote side. ok and off are 0 */
	PVM_ARRAY_OF_CNT,
};

/* This is an array of more than PVM_INLINE_CNT elements: one snapshot of one side of one call; or what it moves; or more
 * than one region. Its bytes are
 * data[off .. off + len); those on pages whose bit in ok is clear are not to be used. */
struct pvm_array {
	struct pvm_hdr hdr;
	__u64 entry_ns; /* with tid, the call */
	__u32 tid;
	__u8 of;      /* enum pvm_array_of */
	__u8 at_exit; /* 0: entry, 1: exit */
	__u8 ok;      /* bit n: page n was readable */
	__u8 pad;
	__u32 off;
	__u32 len; /* bytes of the whole array */
	__u8 data[];
};

enum pvm_outcome {
	PVM_SUCCEEDED = 1,
	PVM_FAILED = 2,
	PVM_UNKNOWN = 3, /* orphans whose result proves nothing, and unfinished calls */
};

enum pvm_reason {
	PVM_OVERFLOW = 1,  /* the ring had no room */
	PVM_AGGREGATE = 2, /* the user asked for it */
};

/* These are results that honest programs' calls have too. In a sum they are counted by name; a sum of calls with any other
 * errno is of that one alone. */
enum pvm_usual {
	PVM_USUAL_EPERM = 0,
	PVM_USUAL_ESRCH = 1,
	PVM_USUAL_EINTR = 2,
	PVM_USUAL_ENOMEM = 3,
	PVM_USUAL_EFAULT = 4,
	PVM_USUAL_EINVAL = 5,
	PVM_USUAL_CNT = 6, /* none of them */
};

/* It says which calls are told together: those of one process to another, both since their last exec, of one kind, with one
 * outcome, within one window of time. It is the key of their map. */
struct pvm_summary_key {
	__u64 caller_start; /* with the pid, the process */
	__u64 target_start;
	__u32 caller;
	__u32 target;	   /* 0: it named none */
	__u32 caller_exec; /* pvm_task.exec_id */
	__u32 target_exec;
	__u32 caller_rights; /* a hash of its ids, capabilities, namespaces and cgroup; and whether it is traced */
	__u32 target_rights;
	__u32 window; /* pvm_control.window at the time */
	__u16 error;  /* errno of a failure that is none of enum pvm_usual, else 0 */
	__u8 op;      /* enum pvm_op */
	__u8 outcome; /* enum pvm_outcome */
	__u8 reason;  /* enum pvm_reason */
	__u8 pad0;
	__u16 rules; /* that are left of its calls */
	__u8 pad[4];
};

struct pvm_tally {
	__u64 calls;
	__u64 bytes;	   /* moved by those that succeeded */
	__u64 duration_ns; /* sum; an orphan has none */
	__u64 first_ns;	   /* entry of the first one, CLOCK_BOOTTIME */
	__u64 last_ns;	   /* entry of the last one */
	__u8 outcome;	   /* enum pvm_outcome */
	__u8 reason;	   /* enum pvm_reason */
	__u16 pad0;
	__u32 pad1;
	__u64 errors[PVM_USUAL_CNT]; /* calls by enum pvm_usual */
	__u64 abis[PVM_ABI_CNT];     /* calls by enum pvm_abi */
	__u64 changed;		     /* calls of which a list was seen to change */
	__u64 uncompared;	     /* calls of which a list was not seen whole twice */
	__u64 unranged; /* calls whose remote list is not in low and high: it was not read whole */
	__u64 low;	/* lowest byte that a remote list named; above high: none was named */
	__u64 high;	/* highest byte */
};

/* It holds the sums over all, and the first call without its arrays. */
struct pvm_summary {
	struct pvm_hdr hdr; /* zero until the reader has it */
	struct pvm_tally tally;
	__u64 call[sizeof(struct pvm_call) /
		   8]; /* a struct pvm_call; its header and sides mean nothing */
};

enum pvm_path_flag {
	PVM_PATH_CUT = 1,	  /* longer than fits: the front is missing */
	PVM_PATH_NAME = 2,	  /* not below any root (memfd): one name stands for all of it */
	PVM_PATH_DETACHED = 4,	  /* not below the root of its process's mount namespace */
	PVM_PATH_GAP = 8,	  /* longer than fits: names are missing in the middle, at gap */
	PVM_PATH_ANON_INODE = 32, /* not a path but the name of what the kernel keeps as a file */
	PVM_PATH_VAGUE = 16,	  /* PVM_EXE: its file system shows no device of the file's own */
};

/* This says which file an executable is. Inode numbers are given anew, and on some file systems repeat. */
struct pvm_file_id {
	__u64 ino; /* as /proc/PID/maps has it */
	__u64 size;
	__u64 ctime_ns; /* of its last change, ns since 1970 */
	__u64 subvol;	/* btrfs: id of the subvolume's root; 0: not known, or there are none */
	__u32 dev;	/* of the file system; btrfs: of the subvolume, as stat(2) has it */
	__u32 gen; /* i_generation: anew with each file of the same number, where there are such */
};

/* A path stands here as its names, from the last one upwards: each name ends in a NUL, len counts them all. Where gap is not
 * 0, only data[0 .. gap) is so, and data[gap .. len) holds the path's first names, from the root down. A PVM_EXE is of
 * process (pid, start_ns) with executable (dev, ino) since its exec exec_id: an inode number alone can come back as another
 * file's. A PVM_CGROUP is of (hier, id), and its file is zero. A PVM_MAPPED and a
 * PVM_LABEL are known by id alone, file is zero, and a label is one name, as it is. */
struct pvm_path {
	struct pvm_hdr hdr;
	__u64 start_ns;
	__u64 id; /* PVM_EXE: inode number; PVM_CGROUP: cgroup id; else a keyed hash of whose it is */
	__u32 pid;
	__u32 dev;
	__u32 len;
	__u32 exec_id; /* PVM_EXE: as struct pvm_task */
	__u8 hier;
	__u8 flags; /* enum pvm_path_flag */
	__u16 pad0;
	__u32 gap; /* offset; 0: there is none */
	struct pvm_file_id file;
	__u8 data[];
};

/* These are the arguments of process (pid, start_ns) since its exec number exec_id: they are its own memory, so
 * its own claim; strings that end in NUL, one after the other. */
struct pvm_args {
	struct pvm_hdr hdr;
	__u64 start_ns;
	__u32 pid;
	__u32 exec_id;
	__u32 len;   /* bytes here */
	__u32 total; /* bytes there are: above len, the rest was not carried */
	__u8 data[];
};

/* A process that is told beside caller and target. Members as in struct pvm_task. */
struct pvm_relative {
	__u64 start_ns;
	__u64 exe_ino;
	__u32 pid; /* 0: there is none, and nothing else means anything */
	__u32 exe_dev;
	__u32 exec_id;
	__u8 flags; /* enum pvm_task_flag: of the executable */
	__u8 gone;  /* boolean: only its pid is known */
	__u16 pad0;
	char comm[PVM_COMM_SZ]; /* of its main thread */
};

/* Whether the last ancestor that is told has one of its own. */
enum pvm_above {
	PVM_ABOVE_UNKNOWN = 0,
	PVM_ABOVE_NONE = 1,
	PVM_ABOVE_MORE = 2,
};

/* Who is behind a process: sent ahead of the first call that refers to it by its id, which is a keyed sum of all that is
 * told of it. Of a target there is one ancestor at most, and nothing else. */
struct pvm_ancestry {
	struct pvm_hdr hdr;
	__u64 id;
	__u16 cnt;  /* ancestors, nearest first */
	__u8 above; /* enum pvm_above */
	__u8 pad0;
	__u32 tty_dev;	      /* of the terminal, the kernel's own encoding; 0: there is none */
	char tty[PVM_TTY_SZ]; /* its name in the kernel, ends at the first NUL */
	struct pvm_relative session; /* the leader of the session */
	struct pvm_relative tracer;  /* who ptraces the calling thread */
	struct pvm_relative ancestors[];
};

/* These are objects of the kernel half, each of which has a number of its kind that anybody can ask for. */
enum pvm_object_kind {
	PVM_OBJECT_MAP = 1,
	PVM_OBJECT_PROG = 2,
	PVM_OBJECT_LINK = 3,
};

#define PVM_OBJECT_NAME_SZ 16

/* Somebody asked the kernel for a descriptor of one of these. */
struct pvm_opened {
	struct pvm_hdr hdr;
	__u64 at_ns;		       /* CLOCK_BOOTTIME, when the system call ended */
	__s64 ret;		       /* its result */
	__u32 id;		       /* of the object */
	__u32 kind;		       /* enum pvm_object_kind */
	char name[PVM_OBJECT_NAME_SZ]; /* the kernel's for it; a link's is that of its program */
	struct pvm_task by;
};

struct pvm_self_test {
	struct pvm_hdr hdr;
	__u32 abi; /* enum pvm_abi */
	__u32 op;  /* enum pvm_op */
};

/* This is a call that a hook saw, whatever becomes of it: --audit compares these with what perf's probe saw. It is in a ring
 * of its own, without a header. */
struct pvm_seen {
	__u64 seen_ns;		 /* CLOCK_BOOTTIME */
	__u64 args[PVM_ARG_CNT]; /* as in struct pvm_call */
	__u32 tid;
	__u8 abi;    /* enum pvm_abi */
	__u8 op;     /* enum pvm_op */
	__u8 late;   /* boolean: seen in the call's function or behind it, not before it */
	__u8 inside; /* boolean: no hook's, but of a thread that the sweep found in the call */
};

PVM_ASSERT(sizeof(struct pvm_element) == PVM_ELEMENT_MAX);
PVM_ASSERT(sizeof(struct pvm_element32) == 8);
PVM_ASSERT(sizeof(struct pvm_hdr) == 8);
PVM_ASSERT(sizeof(struct pvm_task) == 152);
PVM_ASSERT(sizeof(struct pvm_owner) == 64);
PVM_ASSERT(sizeof(struct pvm_side) == 24);
PVM_ASSERT(sizeof(struct pvm_access) == 8);
PVM_ASSERT(sizeof(struct pvm_region) == 56);
PVM_ASSERT(sizeof(struct pvm_call) == 592);
PVM_ASSERT(sizeof(struct pvm_pins) == 32);
PVM_ASSERT(sizeof(struct pvm_array) == 32);
PVM_ASSERT(sizeof(struct pvm_summary_key) == 56);
PVM_ASSERT(sizeof(struct pvm_tally) == 184);
PVM_ASSERT(sizeof(struct pvm_summary) ==
	   sizeof(struct pvm_hdr) + sizeof(struct pvm_tally) + sizeof(struct pvm_call));
PVM_ASSERT(sizeof(struct pvm_file_id) == 40);
PVM_ASSERT(sizeof(struct pvm_path) == 88);
PVM_ASSERT(sizeof(struct pvm_args) == 32);
PVM_ASSERT(sizeof(struct pvm_relative) == 48);
PVM_ASSERT(sizeof(struct pvm_ancestry) == 136);
PVM_ASSERT(sizeof(struct pvm_opened) == 200);
PVM_ASSERT(sizeof(struct pvm_self_test) == 16);
PVM_ASSERT(sizeof(struct pvm_seen) == 64);

#endif /* PVM_EVENT_H */
