/* SPDX-License-Identifier: Apache-2.0 */
/* options - what the user asks for: plain data that every room may read. options/ fills it. */
#ifndef PVM_OPTIONS_H
#define PVM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PVM_IOV_LIMIT_ALL UINT32_MAX

/* This is what a filter looks at. Each exists for the caller and for the target, by enum pvm_who. */
enum filter_field {
	FILTER_PID,
	FILTER_COMM,
	FILTER_UID,
	FILTER_CGROUP,
	FILTER_CONTAINER,
	FILTER_EXE,
	FILTER_UNIT,
	FILTER_ANCESTOR_EXE,
	FILTER_FIELD_CNT,
	FILTER_REGION = FILTER_FIELD_CNT, /* of neither side */
};

/* This is one value of one filter option. */
struct filter_value {
	bool exclude;	  /* it was written with a leading '!' */
	const char *text; /* without the '!'; points into argv or into config_text */
	uint32_t number;  /* FILTER_PID, FILTER_UID */
	bool none;	  /* FILTER_CONTAINER: it means who is in no container */
};

struct filter_list {
	struct filter_value *values;
	size_t cnt;
};

/* Both are bits 1 << enum pvm_relation; 0: any, none. */
struct relation_filter {
	uint32_t wanted, excluded;
};

/* They say where the hooks are, and how the target is looked up: the first of each is the default. */
enum attach_method { ATTACH_TRACEPOINT, ATTACH_FENTRY };
enum resolve_method { RESOLVE_AUTO, RESOLVE_KFUNC, RESOLVE_WALK };

/* It says how records are written: in the order of the formats' names (render/formats.h). */
enum record_format { FORMAT_JSON, FORMAT_ECS, FORMAT_OCSF, FORMAT_TEXT };

struct option_def;

/* This is one option as it was given. */
struct option_setting {
	const struct option_def *def;
	const char *value; /* NULL where it takes none */
	unsigned line;	   /* of the configuration file; 0: the command line */
};

#define RULES_MAX 16
#define RULE_NAME_MAX 64 /* characters */

enum rule_action { RULE_TELL, RULE_AGGREGATE, RULE_DROP };

/* These are filters that have to hold together, and what becomes of the calls for which they do. */
struct rule {
	const char *name; /* NULL: the filters that are no file's rule */
	enum rule_action action;
	struct filter_list filter[2][FILTER_FIELD_CNT]; /* [enum pvm_who][enum filter_field] */
	uint32_t ops;					/* bits 1 << enum pvm_op; 0: any */
	uint32_t outcome;				/* enum pvm_outcome; 0: any */
	uint64_t min_bytes;
	struct relation_filter relation;
	bool no_self;
	struct filter_list region;
};

/* Defaults and ranges stand in the table of options (options/table.c). */
struct options {
	struct rule rules[RULES_MAX]; /* in their order; the first one is always there */
	size_t rule_cnt;

	enum record_format format;
	const char *output;	/* NULL: stdout */
	bool allow_fifo;	/* the output may be a named pipe of others */
	uint64_t max_size;	/* of the output file, bytes; 0: no limit */
	uint32_t keep;		/* older output files */
	const char *metrics;	/* NULL: no such file */
	const char *host_name;	/* NULL: that of uname(2) */
	const char *machine_id; /* the file with the machine's id; NULL: where it always is */
	uint64_t omit;		/* parts that lines of calls do not have (render/parts.h) */
	uint32_t ancestors;	/* generations told behind a caller; 0: none */
	uint32_t data_bytes;	/* of what a call moves; 0: none */
	uint32_t args_bytes;	/* of a command line; 0: none */
	uint32_t regions;	/* remote elements that are looked up, beside the last; 0: none */
	uint32_t iov_limit;	/* elements a side; PVM_IOV_LIMIT_ALL for "all" */
	uint32_t max_line;	/* bytes with the LF */
	uint32_t stats_interval_s;
	uint32_t in_flight_after_ms;
	uint32_t duration_s;  /* 0: until a signal */
	uint32_t aggregate_s; /* seconds that a summary covers; 0: calls are told one by one */
	uint64_t count;	      /* 0: no limit; else stop after so many process_vm_access records */
	uint64_t ring_bytes;  /* ring of calls, a power of two times the page size */
	uint64_t array_ring_bytes; /* ring of arrays, likewise */
	const char *user;	   /* NULL: choose */
	enum resolve_method resolve;
	enum attach_method attach;
	const char *record; /* write raw records to this file; NULL: render them */
	const char *replay; /* read them from this file instead of tracing */
	const char *btf;    /* a copy of the kernel's BTF; NULL: where it always is */
	bool audit;	    /* compare the calls with what perf's probes see */
	bool no_sandbox;    /* nothing of sandbox/ is put in force */
	bool fail_on_loss;
	bool quiet; /* only errors on stderr */
	unsigned verbose;

	const char *config; /* the configuration file; NULL: none */
	const char *health; /* the metrics file to judge; NULL: none */
	bool check_config, print_config, probe;
	struct option_setting *settings; /* what is in force, in the order in which it was given */
	size_t setting_cnt;
	char *config_text; /* what the file's settings point into */

	char command[200]; /* the arguments as given; "..." at the end if there are more */
	bool help, version, schema;
};

#endif
