/* SPDX-License-Identifier: Apache-2.0 */
/* table - the table of options, and what takes their values, strictly. */
#include "options/table.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "bpf/event.h"
#include "bpf/keys.h"
#include "event/host.h"
#include "event/names.h"
#include "kernel/types.h"
#include "render/render.h"

#define JSON_INT_MAX ((1ULL << 53) - 1) /* settings are told in the start record */
#define CALL_BYTES_MAX 0x7ffff000ULL	/* moved by one call at most: MAX_RW_COUNT of the kernel */
#define ALLOW_PID "a process id from 1 to 2147483647"
#define ALLOW_UID "a uid from 0 to 4294967294 or the name of an account"
#define ALLOW_COMM "1 to 15 bytes, the length of a task's name"
#define ALLOW_PATTERN "a path from '/' on, or a shell pattern for one"
#define ALLOW_UNIT "a unit's name of up to 255 bytes, without '/', or a shell pattern for some"
#define ALLOW_EXE "an absolute path, or a shell pattern for some"
#define ALLOW_REGION \
	"heap, stack, anon, none, exec, or file: and a path or a shell pattern for some"
#define ALLOW_CONTAINER "the beginning of an id, of letters, digits and any of ._-:@+, or none"

static void store_number(const struct option_parse *p, const struct option_def *d, uint64_t n)
{
	uint32_t n32 = (uint32_t)n;

	if (d->size == sizeof(n32))
		memcpy(option__member(p, d), &n32, sizeof(n32));
	else
		memcpy(option__member(p, d), &n, sizeof(n));
}

/* Returns the rule that filters are given to. */
static struct rule *last_rule(const struct option_parse *p)
{
	return &p->o->rules[p->o->rule_cnt - 1];
}

static int set_number(struct option_parse *p, const struct option_def *d, const char *value)
{
	uint64_t n, factor = 1;
	size_t len = strlen(value);

	/* A gigabyte is the most that a ring may have. */
	if (d->unit && strchr(d->power ? "kKmM" : "kKmMgG", value[len - 1])) {
		factor = strchr("kK", value[len - 1])	? KIB
			 : strchr("mM", value[len - 1]) ? MIB
							: 1024 * MIB;
		len--;
	}
	if (!option__digits(value, len, &n) || __builtin_mul_overflow(n, factor, &n) ||
	    n < d->min || n > d->max)
		return option__refuse_value(d, value);
	if (d->power && (n & (n - 1)))
		return option__refuse_value(d, value);
	store_number(p, d, n);
	return 0;
}

static int set_iov_limit(struct option_parse *p, const struct option_def *d, const char *value)
{
	if (strcmp(value, "all") != 0)
		return set_number(p, d, value);
	p->o->iov_limit = PVM_IOV_LIMIT_ALL;
	return 0;
}

static int set_args(struct option_parse *p, const struct option_def *d, const char *value)
{
	return set_number(p, d, strcmp(value, "none") != 0 ? value : "0");
}

static int set_flag(struct option_parse *p, const struct option_def *d, const char *value)
{
	(void)value;
	*(bool *)option__member(p, d) = true;
	return 0;
}

/* -q and -v undo each other: the last one given wins, as with every other option. */
static int set_quiet(struct option_parse *p, const struct option_def *d, const char *value)
{
	(void)d;
	(void)value;
	p->o->quiet = true;
	p->o->verbose = 0;
	return 0;
}

static int set_verbose(struct option_parse *p, const struct option_def *d, const char *value)
{
	(void)d;
	(void)value;
	p->o->quiet = false;
	p->o->verbose++;
	return 0;
}

static int set_text(struct option_parse *p, const struct option_def *d, const char *value)
{
	memcpy(option__member(p, d), &value, sizeof(value));
	return 0;
}

static bool is_stdout(const char *value)
{
	return !strcmp(value, "-");
}

static int set_output(struct option_parse *p, const struct option_def *d, const char *value)
{
	return set_text(p, d, is_stdout(value) ? NULL : value);
}

/* Takes a file that stands beside the lines. */
static int set_beside(struct option_parse *p, const struct option_def *d, const char *value)
{
	return is_stdout(value)
		       ? option__refuse(d, value, "is no file: stdout is for the lines; ./- is one")
		       : set_text(p, d, value);
}

static int set_host_name(struct option_parse *p, const struct option_def *d, const char *value)
{
	return host__is_name(value) ? set_text(p, d, value) : option__refuse_value(d, value);
}

/* Takes a user: whether the tracer may become that account is for privileges to say. */
static int set_user(struct option_parse *p, const struct option_def *d, const char *value)
{
	if (!option__all_digits(value) && !getpwnam(value))
		return option__refuse(d, value, "is not an account and not a uid");
	return set_text(p, d, value);
}

/* Returns the place of text among names, or -1. */
static int name_index(const char *const *names, const char *text)
{
	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], text))
			return i;
	}
	return -1;
}

static int set_name(struct option_parse *p, const struct option_def *d, const char *value)
{
	int i = name_index(d->names, value);

	if (i < 0)
		return option__refuse_value(d, value);
	store_number(p, d, (uint64_t)i);
	return 0;
}

/* Takes one value of a filter with two names. Returns 0 and *left, the names that still pass. */
#define CHOICE_BOTH 3u /* bits, by the place in names */

static int choose(struct option_choice *c, const struct option_def *d, const char *value,
		  unsigned *left)
{
	bool exclude = value[0] == '!';
	int i = name_index(d->names, value + exclude);

	if (i < 0)
		return option__refuse_value(d, value);
	if (exclude)
		c->excluded |= 1u << i;
	else
		c->wanted |= 1u << i;
	if (c->wanted & c->excluded)
		return option__refuse(d, value, "is both wanted and excluded: no call can match");
	*left = (c->wanted ? c->wanted : CHOICE_BOTH) & ~c->excluded;
	if (!*left)
		return option__refuse(d, value, "excludes the last one left: no call can match");
	return 0;
}

static int set_op(struct option_parse *p, const struct option_def *d, const char *value)
{
	unsigned left = 0;
	int err = choose(&p->op, d, value, &left);

	if (err)
		return err;
	/* Both are no filter: a rule that has them is one that every call may come to. */
	last_rule(p)->ops = left == CHOICE_BOTH ? 0 : left << PVM_READ;
	return 0;
}

static int set_outcome(struct option_parse *p, const struct option_def *d, const char *value)
{
	unsigned left = 0;
	int err = choose(&p->outcome, d, value, &left);

	if (err)
		return err;
	last_rule(p)->outcome = left == CHOICE_BOTH ? 0 : left & 1 ? PVM_SUCCEEDED : PVM_FAILED;
	return 0;
}

static int set_relation(struct option_parse *p, const struct option_def *d, const char *value)
{
	const uint32_t all_kinships = (1u << PVM_OTHER_USER) - 1;
	struct relation_filter *r = &last_rule(p)->relation;
	bool exclude = value[0] == '!';
	int i = name_index(d->names, value + exclude);

	if (i < 0)
		return option__refuse_value(d, value);
	*(exclude ? &r->excluded : &r->wanted) |= 1u << i;
	if (r->wanted & r->excluded)
		return option__refuse(d, value, "is both wanted and excluded: no call can match");
	if ((r->excluded & all_kinships) == all_kinships)
		return option__refuse(d, value, "excludes the last one left: no call can match");
	return 0;
}

#define MEMBER(m) .offset = offsetof(struct options, m), .size = sizeof(((struct options *)0)->m)
#define FILTER_OF(who, f)                                                                  \
	.group = GROUP_FILTER, .set = option__set_filter, MEMBER(rules[0].filter[who][f]), \
	.field = (f)

const struct option_def options_table[] = {
	{ "target-pid", .letter = 'p', .arg = "PID", FILTER_OF(PVM_TARGET, FILTER_PID),
	  .allowed = ALLOW_PID,
	  .help = "process that is accessed, by its host pid, or whoever shares its memory; holds for "
		  "this process, not for a later one of the same number" },
	{ "caller-pid", .arg = "PID", FILTER_OF(PVM_CALLER, FILTER_PID), .allowed = ALLOW_PID,
	  .help = "process that calls, likewise" },
	{ "target-comm", .arg = "NAME", FILTER_OF(PVM_TARGET, FILTER_COMM), .allowed = ALLOW_COMM,
	  .help = "name of any thread of the target (up to 15 bytes)" },
	{ "caller-comm", .arg = "NAME", FILTER_OF(PVM_CALLER, FILTER_COMM), .allowed = ALLOW_COMM,
	  .help = "name of the calling thread" },
	{ "target-uid", .arg = "UID", FILTER_OF(PVM_TARGET, FILTER_UID), .allowed = ALLOW_UID,
	  .help = "real uid of the target, a number or an account" },
	{ "caller-uid", .arg = "UID", FILTER_OF(PVM_CALLER, FILTER_UID), .allowed = ALLOW_UID,
	  .help = "real uid of the caller" },
	{ "target-cgroup", .arg = "PATH", FILTER_OF(PVM_TARGET, FILTER_CGROUP),
	  .allowed = ALLOW_PATTERN,
	  .help = "cgroup of the target, as records show it, or a shell pattern; what is below it too" },
	{ "caller-cgroup", .arg = "PATH", FILTER_OF(PVM_CALLER, FILTER_CGROUP),
	  .allowed = ALLOW_PATTERN, .help = "cgroup of the caller, likewise" },
	{ "target-container", .arg = "ID", FILTER_OF(PVM_TARGET, FILTER_CONTAINER),
	  .allowed = ALLOW_CONTAINER,
	  .help = "container of the target, by the beginning of its id, or none: in no container, and in "
		  "the host's own pid and mount namespaces" },
	{ "caller-container", .arg = "ID", FILTER_OF(PVM_CALLER, FILTER_CONTAINER),
	  .allowed = ALLOW_CONTAINER, .help = "container of the caller, likewise" },
	{ "target-unit", .arg = "UNIT", FILTER_OF(PVM_TARGET, FILTER_UNIT), .allowed = ALLOW_UNIT,
	  .help = "systemd unit of the target (sshd, session-3.scope), or a shell pattern" },
	{ "caller-unit", .arg = "UNIT", FILTER_OF(PVM_CALLER, FILTER_UNIT), .allowed = ALLOW_UNIT,
	  .help = "systemd unit of the caller, likewise" },
	{ "target-exe", .arg = "PATH", FILTER_OF(PVM_TARGET, FILTER_EXE), .allowed = ALLOW_EXE,
	  .help = "program that the target runs: the file that is at this path, or at paths that match a "
		  "shell pattern, and no other of that name" },
	{ "caller-exe", .arg = "PATH", FILTER_OF(PVM_CALLER, FILTER_EXE), .allowed = ALLOW_EXE,
	  .help = "program that the caller runs, likewise" },
	{ "target-ancestor-exe", .arg = "PATH", FILTER_OF(PVM_TARGET, FILTER_ANCESTOR_EXE),
	  .allowed = ALLOW_EXE, .help = "program that an ancestor of the target runs, likewise" },
	{ "caller-ancestor-exe", .arg = "PATH", FILTER_OF(PVM_CALLER, FILTER_ANCESTOR_EXE),
	  .allowed = ALLOW_EXE,
	  .help = "program that an ancestor of the caller runs, likewise: all that was started from there" },
	{ "op", .group = GROUP_FILTER, .arg = "read|write", .set = set_op, MEMBER(rules[0].ops),
	  .names = op_names, .help = "only process_vm_readv or only process_vm_writev" },
	{ "outcome", .group = GROUP_FILTER, .arg = "success|failure", .set = set_outcome,
	  MEMBER(rules[0].outcome), .names = outcome_names,
	  .help = "only calls with this outcome; unknown ones always pass" },
	{ "min-bytes", .group = GROUP_FILTER, .arg = "N", .set = set_number,
	  MEMBER(rules[0].min_bytes), .max = CALL_BYTES_MAX,
	  .help = "only calls that moved at least N bytes; unknown ones always pass" },
	{ "relation", .group = GROUP_FILTER, .arg = "RELATION", .set = set_relation,
	  MEMBER(rules[0].relation), .names = relation_names,
	  .help = "only calls whose target is this to the caller: none of its kin, itself, its descendant, its "
		  "ancestor; of another user, in another container" },
	{ "no-self", .group = GROUP_FILTER, .set = set_flag, MEMBER(rules[0].no_self),
	  .help = "no calls of a process on itself" },
	{ "region", .group = GROUP_FILTER, .arg = "KIND", .set = option__set_filter,
	  MEMBER(rules[0].region), .field = FILTER_REGION, .allowed = ALLOW_REGION,
	  .help = "only calls that touch such memory of the target: heap, stack, anon, none (nothing is "
		  "mapped there), exec (it can be executed), file:PATH or a shell pattern" },

	{ "format", .letter = 'f', .group = GROUP_OUTPUT, .arg = "FORMAT", .set = set_name,
	  MEMBER(format), .names = format_names, .def_text = "json",
	  .help = "how records are written" },
	{ "output", .letter = 'o', .group = GROUP_OUTPUT, .arg = "FILE", .set = set_output,
	  MEMBER(output), .help = "append to FILE instead of writing to stdout (-)" },
	{ "allow-fifo", .group = GROUP_OUTPUT, .set = set_flag, MEMBER(allow_fifo),
	  .help = "the file of --output may be a named pipe that others made or may write to" },
	{ "max-size", .group = GROUP_OUTPUT, .arg = "BYTES", .set = set_number, .unit = true,
	  MEMBER(max_size), .min = 64 * KIB, .max = 1024 * 1024 * MIB,
	  .help = "before FILE grows longer, make it FILE.1, that FILE.2 and so on, and begin a new one; at "
		  "least 4 times --max-line" },
	{ "keep", .group = GROUP_OUTPUT, .arg = "N", .set = set_number, MEMBER(keep), .max = 999,
	  .def = 9, .help = "with --max-size: how many older files stay" },
	{ "ancestors", .group = GROUP_OUTPUT, .arg = "N", .set = set_number, MEMBER(ancestors),
	  .max = PVM_ANCESTORS_MAX, .def = 5, .trace_only = true,
	  .help = "generations told behind a caller; 0: none, nor a target's parent, session, terminal "
		  "and tracer" },
	{ "args", .group = GROUP_OUTPUT, .arg = "BYTES|none", .set = set_args, MEMBER(args_bytes),
	  .max = PVM_ARGS_MAX, .def = 1024, .allowed = ", or none",
	  .help = "what is read of a caller's command line, which can hold secrets" },
	{ "data", .group = GROUP_OUTPUT, .arg = "BYTES", .set = set_number, MEMBER(data_bytes),
	  .max = PVM_DATA_MAX, .def_text = "0",
	  .help = "tell the first bytes that a call moved, which are other processes' memory" },
	{ "iov-limit", .group = GROUP_OUTPUT, .arg = "N|all", .set = set_iov_limit,
	  MEMBER(iov_limit), .max = PVM_IOV_MAX, .def = 32, .allowed = ", or all",
	  .help = "elements shown of each list" },
	{ "omit", .group = GROUP_OUTPUT, .arg = "PART", .set = option__set_omit, MEMBER(omit),
	  .help = "leave this part of each call's line out, by its path as in `truncated`: local, caller.ns, "
		  "remote.iov_exit, host and the like; may be repeated" },
	{ "regions", .group = GROUP_OUTPUT, .arg = "N", .set = set_number, MEMBER(regions),
	  .max = PVM_REGIONS_MAX, .def = 8, .trace_only = true,
	  .help = "of how many remote elements, and of the last, it is told what lies there" },
	{ "max-line", .group = GROUP_OUTPUT, .arg = "BYTES", .set = set_number, MEMBER(max_line),
	  .min = 1024, .max = 16 * MIB, .def = 8000, .help = "longest line, LF included" },
	{ "stats-interval", .group = GROUP_OUTPUT, .arg = "SECONDS", .set = set_number,
	  MEMBER(stats_interval_s), .min = 1, .max = 86400, .def = 60, .trace_only = true,
	  .help = "time between two stats records" },
	{ "host-name", .group = GROUP_OUTPUT, .arg = "NAME", .set = set_host_name,
	  MEMBER(host_name), .trace_only = true,
	  .allowed = "1 to 64 letters, digits, '-', '.' and '_'",
	  .help = "what this host is called, where that is not its own name (in a container)" },
	{ "machine-id", .group = GROUP_OUTPUT, .arg = "FILE", .set = set_text, MEMBER(machine_id),
	  .trace_only = true, .help = "the file with this machine's id, not " MACHINE_ID_FILE },
	{ "metrics", .group = GROUP_OUTPUT, .arg = "FILE", .set = set_beside, MEMBER(metrics),
	  .trace_only = true,
	  .help = "at the start, every --stats-interval and at the end, replace FILE by all counters in "
		  "Prometheus's text format" },
	{ "in-flight-after", .group = GROUP_OUTPUT, .arg = "MS", .set = set_number,
	  MEMBER(in_flight_after_ms), .min = 1, .max = 3600000, .def = 1000, .trace_only = true,
	  .help = "tell a call that is still running by then" },

	{ "aggregate", .group = GROUP_OUTPUT, .arg = "SECONDS", .set = set_number,
	  MEMBER(aggregate_s), .min = 1, .max = 3600, .trace_only = true,
	  .help = "tell calls together, a summary per window and kind, but for each that stands out and "
		  "the first one of each caller, target (either is another one after an exec or a "
		  "change of ids, capabilities, namespaces or cgroup), operation and outcome" },

	{ "duration", .group = GROUP_RUN, .arg = "SECONDS", .set = set_number, MEMBER(duration_s),
	  .min = 1, .max = 31536000, .trace_only = true, .help = "stop after so many seconds" },
	{ "count", .letter = 'c', .group = GROUP_RUN, .arg = "N", .set = set_number, MEMBER(count),
	  .min = 1, .max = JSON_INT_MAX, .help = "stop after N process_vm_access records" },
	{ "user", .group = GROUP_RUN, .arg = "NAME", .set = set_user, MEMBER(user),
	  .trace_only = true,
	  .help = "whom to become once the hooks are attached, an account or a uid, never root or "
		  "nobody (default: the account pvmtrace, or else an unused uid)" },
	{ "no-sandbox", .group = GROUP_RUN, .set = set_flag, MEMBER(no_sandbox),
	  .help = "go without the sandbox (seccomp, Landlock and limits), for a debugger or where it cannot be "
		  "put in force" },
	{ "fail-on-loss", .group = GROUP_RUN, .set = set_flag, MEMBER(fail_on_loss),
	  .trace_only = true, .help = "exit with 75 if calls were lost" },
	{ "ring-size", .group = GROUP_RUN, .arg = "BYTES", .set = set_number, .unit = true,
	  .power = true, MEMBER(ring_bytes), .min = 64 * KIB, .max = 1024 * MIB, .def = 8 * MIB,
	  .allowed = ", a power of two", .trace_only = true, .help = "ring buffer of calls" },
	{ "array-ring-size", .group = GROUP_RUN, .arg = "BYTES", .set = set_number, .unit = true,
	  .power = true, MEMBER(array_ring_bytes), .min = 64 * KIB, .max = 1024 * MIB,
	  .def = 4 * MIB, .allowed = ", a power of two", .trace_only = true,
	  .help = "ring buffer of long arrays" },
	{ "attach", .group = GROUP_RUN, .arg = "HOW", .set = set_name, MEMBER(attach),
	  .names = attach_names, .def_text = "tracepoint", .trace_only = true,
	  .help = "where the hooks are: on every system call, or (fentry) on the functions of these two, "
		  "which costs other calls nothing" },
	{ "audit", .group = GROUP_RUN, .set = set_flag, MEMBER(audit), .trace_only = true,
	  .help = "compare the calls with what perf probes without BPF see, and tell those that no hook saw" },
	{ "resolve", .group = GROUP_RUN, .arg = "HOW", .set = set_name, MEMBER(resolve),
	  .names = resolve_names, .def_text = "auto", .trace_only = true,
	  .help = "how to look up the target" },
	{ "btf", .group = GROUP_RUN, .arg = "FILE", .set = set_text, MEMBER(btf),
	  .trace_only = true,
	  .help = "the running kernel's BTF, where " KERNEL_TYPES_PATH " does not show it" },

	{ "record", .group = GROUP_OUTPUT, .arg = "FILE", .set = set_beside, MEMBER(record),
	  .command_only = true, .trace_only = true,
	  .help = "write calls to FILE as they are, to be rendered later by --replay" },
	{ "replay", .group = GROUP_OUTPUT, .arg = "FILE", .set = set_text, MEMBER(replay),
	  .command_only = true,
	  .help = "do not trace: render the calls in FILE (-: stdin); needs no rights" },

	{ "config", .group = GROUP_TALK, .arg = "FILE", .set = set_text, MEMBER(config),
	  .command_only = true,
	  .help = "read options from FILE: one a line, by its long name, then its value; a line that "
		  "begins with # is a comment. What the command line gives wins" },
	{ "check-config", .group = GROUP_TALK, .set = set_flag, MEMBER(check_config),
	  .command_only = true,
	  .help = "check the configuration file and the command line, say nothing if they are right, "
		  "and exit" },
	{ "print-config", .group = GROUP_TALK, .set = set_flag, MEMBER(print_config),
	  .command_only = true,
	  .help = "print the options in force as a configuration file and exit" },
	{ "probe", .group = GROUP_TALK, .set = set_flag, MEMBER(probe), .command_only = true,
	  .trace_only = true,
	  .help = "try what tracing needs of this host, say what it would see, and exit as it would; "
		  "with -f json for machines" },
	{ "health", .group = GROUP_TALK, .arg = "FILE", .set = set_text, MEMBER(health),
	  .command_only = true, .trace_only = true,
	  .help = "read the metrics FILE of a run, say in a line how it is, and exit with 0 (well), 1 "
		  "(warning), 2 (critical) or 3 (unknown)" },
	{ "quiet", .letter = 'q', .group = GROUP_TALK, .set = set_quiet, MEMBER(quiet),
	  .help = "only errors" },
	{ "verbose", .letter = 'v', .group = GROUP_TALK, .set = set_verbose, MEMBER(verbose),
	  .help = "more; may be repeated. With -f text also who is behind callers, and their arguments" },
	{ "schema", .group = GROUP_TALK, .set = set_flag, MEMBER(schema), .command_only = true,
	  .help = "print the JSON Schema of the format json and exit" },
	{ "version", .letter = 'V', .group = GROUP_TALK, .set = set_flag, MEMBER(version),
	  .command_only = true, .help = "print the version and exit" },
	{ "help", .letter = 'h', .group = GROUP_TALK, .set = set_flag, MEMBER(help),
	  .command_only = true, .help = "print this and exit" },
};
const size_t options_table_cnt = sizeof(options_table) / sizeof(options_table[0]);

_Static_assert(sizeof(options_table) / sizeof(options_table[0]) <= OPTION_MAX,
	       "options__parse has no room for so many options");

bool option__adds_up(const struct option_def *d)
{
	return d->set == option__set_filter || d->set == option__set_omit || d->set == set_op ||
	       d->set == set_outcome || d->set == set_relation;
}

void option__reset(struct option_parse *p, const struct option_def *d)
{
	if (d->set == option__set_filter)
		free(((struct filter_list *)option__member(p, d))->values);
	else if (d->set == set_op)
		p->op = (struct option_choice){ 0 };
	else if (d->set == set_outcome)
		p->outcome = (struct option_choice){ 0 };
	memset(option__member(p, d), 0, d->size);
	if (d->def)
		store_number(p, d, d->def);
}
