/* SPDX-License-Identifier: Apache-2.0 */
/* record - the decoded record: the only thing that the renderings share. It is pure data, without I/O; everything it
 * points to stays valid until the next record is decoded. */
#ifndef PVM_RECORD_H
#define PVM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "bpf/event.h"
#include "event/container.h"
#include "event/error_code.h"
#include "event/host.h"
#include "event/sandbox_info.h"
#include "event/witness_info.h"

/* This is one process of a call. */
struct task_info {
	const struct pvm_task *task; /* NULL: not resolved, every key is null */
	/* These are bytes that a process can choose; NULL: not known. */
	const char *exe; /* full path; whether it is gone is in task->flags */
	size_t exe_len;
	const char *args; /* NUL-separated; callers only */
	size_t args_len;
	bool args_cut;			/* there were more than we carried */
	const struct pvm_file_id *file; /* which file exe is; NULL: not known */
	bool file_vague; /* its device is not known, only one that it shares with others */
	const char *cgroup;
	size_t cgroup_len;
	bool cgroup_cut; /* it lacks names */
	/* The cgroup names these, outermost first; all are ASCII. 0: none, or (cgroup not known, or cut) not known. */
	const struct container *containers;
	size_t container_cnt;
	size_t container_end;	/* the cgroup up to here is that of the innermost */
	bool container_claimed; /* the outermost is what a user says, and none the host's word */
	/* These stand for the strings above ([0] exe and args, [1] cgroup): equal and not 0, they are the same
	 * bytes as in an earlier record. 0: nothing of that kind is known, or nobody vouches for it. */
	uint64_t stamp[2];
	uint64_t real_start_ns; /* task->start_ns in ns since 1970; of no meaning if bare */
	/* No hook saw it: task has pid and tid and, with PVM_TASK_CREDS, what /proc says to everybody. */
	bool bare;
	char entity_id[48];
};

enum tristate { NO = 0, YES = 1, UNKNOWN = -1 };

/* Whether its effective capabilities have CAP_SYS_PTRACE. */
static inline enum tristate task_may_ptrace(const struct task_info *t)
{
	if (!(t->task->flags & PVM_TASK_CREDS))
		return UNKNOWN;
	return t->task->caps_effective & PVM_CAP_SYS_PTRACE ? YES : NO;
}

/* Returns whether its parent and names mean something. */
static inline bool task_is_read(const struct task_info *t)
{
	return !t->bare || t->task->flags & PVM_TASK_CREDS;
}

/* Returns the outermost container's id; NULL: none, or not known. */
static inline const char *task_container(const struct task_info *t)
{
	return t->container_cnt ? t->containers[0].id : NULL;
}

static inline size_t task_container_len(const struct task_info *t)
{
	return t->container_cnt ? t->containers[0].len : 0;
}

enum list_status {
	LIST_OK,
	LIST_NONE,
	LIST_INVALID,
	LIST_PARTIAL,
	LIST_LATE,
	LIST_FAULT,
	LIST_LOST,
};

struct iov_elem {
	uint64_t base;
	uint64_t len;
};

/* These are elements [first, first + cnt) of a list that could not be read. */
struct iov_gap {
	uint32_t first;
	uint32_t cnt;
};

#define LIST_GAPS_MAX 4 /* 16 KiB lie on at most 5 pages */

struct list_info {
	uint64_t addr;
	uint64_t count;
	enum list_status status;
	bool user; /* something was read from the caller's memory: origin and toctou */
	enum tristate changed;
	uint32_t captured; /* elements in iov */
	const struct iov_elem
		*iov; /* those that were read, in their order; entry's where there are two */
	const struct iov_elem
		*iov_exit; /* NULL unless changed is YES, and if it may be what the call wrote */
	uint32_t exit_cnt;
	struct iov_gap gaps[LIST_GAPS_MAX]; /* what is missing in iov */
	uint32_t gap_cnt;
	uint64_t total_len; /* sum over iov, saturating at UINT64_MAX */
};

/* A process behind another one. */
struct relative_info {
	uint32_t pid;
	bool gone;	/* only the pid is known */
	bool lacks_exe; /* it has an executable whose path should be known, and is not */
	char comm[PVM_COMM_SZ];
	const char *exe; /* NULL: not known */
	size_t exe_len;
	uint64_t start_ns; /* CLOCK_BOOTTIME */
	uint64_t real_start_ns;
	char entity_id[48];
};

/* Who is behind a process; of a target its parent and nothing else. */
struct ancestry_info {
	struct relative_info *ancestors; /* nearest first */
	size_t cnt;
	enum pvm_above above;
	struct relative_info *session, *tracer; /* NULL: there is none */
	uint32_t tty_dev;			/* as struct pvm_ancestry; 0: there is none */
	char tty[PVM_TTY_SZ];
	uint64_t stamp; /* no other one has it */
	uint64_t clock; /* as of how many of the clock's steps the real times are; 0: they are not known yet */
};

/* By what right the kernel permits a call. */
enum access_by {
	ACCESS_BY_NONE,
	ACCESS_BY_SELF,
	ACCESS_BY_MEMORY,
	ACCESS_BY_USER,
	ACCESS_BY_CAP,
	ACCESS_BY_OTHER,
};

/* For want of what it denies one. */
enum access_denied {
	ACCESS_DENIED_NONE,
	ACCESS_DENIED_USER,
	ACCESS_DENIED_DUMPABLE,
	ACCESS_DENIED_CAP,
	ACCESS_DENIED_LSM,
};

/* One of the first two at most. */
struct access_info {
	enum access_by by;
	enum access_denied denied_by;
	enum tristate inferred;	      /* NO: the security modules' answer was seen */
	enum tristate cap_sys_ptrace; /* the caller has it in the target's user namespace */
	enum tristate caps_covered;   /* it is permitted, there, what the target is */
	enum tristate traces_target;
	enum pvm_yama yama; /* NONE: not known either */
};

/* What lies at some remote elements. */
struct region_info {
	const struct pvm_region *raw;
	const char *text; /* path of a file, or else a name; any bytes; NULL: none, or not known */
	size_t text_len;
	enum tristate runs_on; /* one of these elements ends behind the mapping that it begins in */
};

struct regions_info {
	bool known;
	uint32_t cnt;
	const struct region_info *at;
};

struct call_info {
	const struct pvm_call *raw;
	enum pvm_outcome outcome;
	bool ret_known;
	int64_t ret;	   /* meaningful if ret_known */
	const char *error; /* errno's name ("EPERM"), NULL if none; an unknown errno: "E<number>" */
	bool duration_known;
	uint64_t duration_ns;
	bool requested_known;
	uint64_t requested; /* min(local total, remote total) */
	bool transferred_known;
	uint64_t transferred;
	enum tristate partial;
	uint64_t flags;	    /* argument 6 */
	int32_t target_arg; /* argument 1, signed 32-bit whatever its upper half holds */
	char id[64];	    /* "<run id>-<tid hex>-<entry hex>", see decode.h */
	struct task_info caller, target;
	struct task_info owner; /* whose memory the target works in, where that is another one */
	enum tristate same_uid; /* of what the task_infos say of the two */
	enum tristate same_user;
	enum tristate same_container;
	enum tristate same_pid_ns, same_mnt_ns;
	enum tristate same_memory;
	const struct ancestry_info *ancestry[2]; /* by enum pvm_who; NULL: not known */
	struct access_info access;
	struct list_info local, remote;
	const uint8_t *data; /* what moved first, as it stood on the local side; NULL: not known */
	uint32_t data_len;
	const struct pvm_pins
		*pins; /* pages that the kernel held; NULL: not known, or not surely all */
	enum tristate
		confirmed; /* whether they are those that remote and ret predict; see predict.h */
	struct regions_info regions;
	struct regions_info regions_exit; /* at exit, where that is another answer */
	enum tristate
		regions_confirmed; /* YES: those pages were held, and no look gave another answer */
	bool summed;		   /* it stands for several: see struct summary_info */
	const struct rule *rule;   /* that the call is told by; NULL: not asked for yet */
};

/* Returns the name of the rule that a call is told by; NULL: none of a file. */
static inline const char *call_rule(const struct call_info *c)
{
	return c->rule ? c->rule->name : NULL;
}

/* It says how many calls of a sum ended in that errno, or came by that ABI. */
struct error_count {
	const char *name;
	uint64_t calls;
};

struct abi_count {
	enum pvm_abi abi;
	uint64_t calls;
};

/* These are calls told together. */
struct summary_info {
	struct call_info call; /* the first of them: who, whom and what are those of all */
	enum pvm_reason reason;
	uint64_t calls;
	bool sums_known; /* bytes and duration */
	uint64_t bytes;
	uint64_t duration_ns;
	uint64_t first_ns, last_ns;		  /* entries, ns since 1970 */
	struct error_count errors[PVM_USUAL_CNT]; /* of those that failed */
	size_t error_cnt;
	struct abi_count abis[PVM_ABI_CNT - 1]; /* none is missing: 0 is no ABI */
	size_t abi_cnt;
	enum tristate changed; /* a list of one of them */
	bool range_known;      /* low and high: the lowest and highest byte that they named */
	uint64_t low, high;
};

/* These are named counters, in the order in which they are written. */
struct counter {
	const char *name;
	uint64_t value;
};

/* Recordings hold these numbers: none is ever another one's. */
enum record_type {
	REC_START = 0,
	REC_CALL = 1,
	REC_STATS = 2,
	REC_LOST = 3,
	REC_REOPEN = 4,
	REC_ERROR = 5,
	REC_STOP = 6,
	REC_SUMMARY = 7,
	REC_TAMPER = 8,
};

#define ABIS_MAX 4 /* of one machine */

/* What a run knows of an ABI; its word: abi_word. */
struct abi_info {
	enum pvm_abi abi;  /* 0: one of a recording that another version made, */
	const char *other; /* by the word that is there */
	bool covered;
	bool proven;
	bool refused; /* the kernel carries out none: a call of ours came to it, and to no function. Not in recordings */
	const char *note; /* NULL, or why it is not */
};

/* It says by what the pages are seen that the kernel holds. */
enum page_hook { PAGES_UNSEEN, PAGES_FEXIT, PAGES_KPROBE };

/* It says what of a call the kernel's own work confirms here. */
struct confirm_info {
	bool target;
	bool access; /* what security modules answered */
	enum page_hook pages;
};

#define BOUND_TOLD 32 /* in `start` */

/* A file that a filter by executable means. */
struct bound_info {
	const char
		*side; /* whose program: "caller", "target", "caller_ancestor", "target_ancestor" */
	const char *path;
	uint64_t ino;
	uint32_t dev; /* the kernel's own encoding */
};

/* By what is seen who opens maps, programs and links of the tracer's own. */
enum openings_by { OPENINGS_UNSEEN, OPENINGS_FEXIT, OPENINGS_SYS_EXIT };

struct start_info {
	const char *version;
	const char *libbpf;
	enum attach_method attach;
	enum resolve_method resolve; /* not RESOLVE_AUTO, but of a recording that has another word */
	struct confirm_info confirms;
	struct witness_info witnesses;
	enum openings_by openings;
	bool audit;		 /* perf's probes see the calls, too */
	uint8_t sandbox;	 /* enum sandbox_bit: what is in force */
	const char *config_hash; /* 16 hex digits that stand for the options; NULL: not known */
	const struct abi_info *abis;
	size_t abi_cnt;
	const char *const *unseen; /* what this method cannot see, one sentence each */
	size_t unseen_cnt;
	const char *const
		*notes; /* what is special on this host (CAP_BPF kept, pid namespace, ...) */
	size_t note_cnt;
	const struct options *options;	/* filters and limits in force */
	const struct bound_info *files; /* that they mean, or the first of them */
	size_t file_cnt;
	size_t files_more;		/* that are not among these */
	const struct counter *counters; /* names only */
	size_t counter_cnt;
	uint32_t pid;	      /* host pid of the collector */
	const char *user;     /* whom it runs as */
	const char *instance; /* the run id */
};

struct rule_counts;

struct stats_info {
	const struct counter *counters; /* by enum book */
	size_t counter_cnt;
	uint64_t in_flight;
	const struct rule *rules; /* of a file, and what became of the calls of each (counts.h) */
	const struct rule_counts *rule_counts;
	size_t rule_cnt; /* 0: there are none */
};

struct lost_info {
	uint64_t count; /* calls since the last such record */
	const struct counter *by;
	size_t by_cnt;
	uint64_t since_ns, until_ns; /* ns since 1970 */
};

/* This is why a file begins anew: what we were told, our own limit, or what others did to it. */
enum reopen_reason {
	REOPEN_SIGNAL,
	REOPEN_SIZE,
	REOPEN_EMPTIED,
	REOPEN_MOVED,
	REOPEN_REPLACED,
	REOPEN_REMOVED,
};

struct reopen_info {
	const char *instance; /* the run id */
	enum reopen_reason reason;
};

struct error_info {
	enum error_code code;
	const char *other;   /* ERROR_UNKNOWN: the recording's word; otherwise NULL */
	const char *message; /* for a person */
	uint64_t since_ns;   /* ns since 1970; 0: null */
	uint64_t until_ns;   /* the same; of what has ended */
};

/* This is why a run ends. */
enum end_reason {
	END_NONE, /* it goes on */
	END_SIGNAL,
	END_DURATION,
	END_COUNT,
	END_READER_GONE,
	END_RECORDING_CUT, /* of a replay: the recording has no end */
	END_RECORDING_DAMAGED,
	END_UNKNOWN, /* of a recording that another version made */
};

/* This is why a run is not complete. */
enum doubt_kind { DOUBT_LOST, DOUBT_UNBALANCED, DOUBT_ERROR, DOUBT_END };

#define DOUBT_SZ 32

struct doubt {
	enum doubt_kind kind;
	enum error_code error; /* DOUBT_ERROR: which one was told */
	enum end_reason end;   /* DOUBT_END: how it ended */
	char other[DOUBT_SZ];  /* ERROR_UNKNOWN: the recording's word; what is longer is cut */
};

struct stop_info {
	enum end_reason reason;
	const char *other;  /* END_UNKNOWN: the recording's word; otherwise NULL */
	const char *signal; /* "SIGTERM" or NULL */
	struct stats_info stats;
	bool balanced;
	bool complete;
	const struct doubt *incomplete; /* why it is not */
	size_t incomplete_cnt;
};

/* Somebody asked for a descriptor of an object of the tracer's. */
struct tamper_info {
	const struct pvm_opened *raw;
	struct task_info by;
	const char *error; /* as of a call */
};

struct record {
	enum record_type type;
	uint64_t real_ns; /* `time`, ns since 1970 */
	uint64_t told_ns; /* `told`: when its line is written, ns since 1970 */
	uint64_t seq;
	const char *run; /* the run's id */
	const struct host *host;
	union {
		struct call_info call;
		struct summary_info summary; /* its call is also this union's */
		struct start_info start;
		struct stats_info stats;
		struct lost_info lost;
		struct error_info error;
		struct stop_info stop;
		struct reopen_info reopen;
		struct tamper_info tamper;
	};
};

_Static_assert(offsetof(struct record, call) == offsetof(struct record, summary.call),
	       "what is said of a call's two processes is said of a summary's, too");

#endif
