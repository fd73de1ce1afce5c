/* SPDX-License-Identifier: Apache-2.0 */
/* options - the command line and the configuration file: one table of options, strict values, clear
 * errors. */
#ifndef PVM_OPTIONS_H
#define PVM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

#define PVM_IOV_LIMIT_ALL UINT32_MAX

/* What a filter looks at. The pairs exist for both sides, indexed by enum pvm_who. */
enum filter_field {
	FILTER_PID,
	FILTER_COMM,
	FILTER_UID,
	FILTER_CGROUP,
	FILTER_CONTAINER,
	FILTER_FIELD_CNT,
};

/* One value of one filter option. */
struct filter_value {
	bool exclude;	  /* it was written with a leading '!' */
	const char *text; /* without the '!'; points into argv or into config_text */
	uint32_t number;  /* FILTER_PID, FILTER_UID */
};

struct filter_list {
	struct filter_value *values;
	size_t cnt;
};

enum outcome_filter { OUTCOME_ANY, OUTCOME_SUCCESS, OUTCOME_FAILURE };

struct option_def;

/* One option as it was given. */
struct option_setting {
	const struct option_def *def;
	const char *value; /* NULL where it takes none */
	unsigned line;	   /* of the configuration file; 0: the command line */
};

struct options {
	struct filter_list filter[2][FILTER_FIELD_CNT]; /* [enum pvm_who][enum filter_field] */
	uint32_t ops;					/* bits 1 << enum pvm_op; 0: any */
	enum outcome_filter outcome;
	uint64_t min_bytes;
	bool no_self;

	const char *format;	   /* a name of render.h's table; "json" by default */
	const char *output;	   /* NULL: stdout */
	bool allow_fifo;	   /* the output may be a named pipe of others */
	uint64_t max_size;	   /* of the output file, bytes; 0: no limit */
	uint32_t keep;		   /* older output files; 9 by default */
	const char *metrics;	   /* NULL: no such file */
	const char *host_name;	   /* NULL: that of uname(2) */
	const char *machine_id;	   /* the file with the machine's id; NULL: where it always is */
	uint32_t iov_limit;	   /* elements a side; PVM_IOV_LIMIT_ALL for "all"; 32 by default */
	uint32_t max_line;	   /* bytes with the LF; 8000 by default, 1024 to 16777216 */
	uint32_t stats_interval_s; /* 60 by default, 1 to 86400 */
	uint32_t in_flight_after_ms; /* 1000 by default, 1 to 3600000 */
	uint32_t duration_s;	     /* 0: until a signal; else 1 to 31536000 */
	uint32_t aggregate_s; /* seconds that a summary covers, 1 to 3600; 0: calls are told one by one */
	uint64_t count;	      /* 0: no limit; else stop after so many process_vm_access records */
	uint64_t ring_bytes; /* ring of calls, a power of two times the page size; 8 MiB by default */
	uint64_t array_ring_bytes; /* ring of arrays, likewise; 4 MiB by default */
	const char *user;	   /* NULL: choose */
	const char *resolve;	   /* "auto", "kfunc" or "walk": how the target is looked up */
	const char *attach;	   /* "tracepoint" or "fentry": where the hooks are */
	const char *record;	   /* write raw records to this file; NULL: render them */
	const char *replay;	   /* read them from this file instead of tracing */
	const char *btf;	   /* a copy of the kernel's BTF; NULL: where it always is */
	bool audit;		   /* compare the calls with what perf's probes see */
	bool fail_on_loss;
	bool quiet; /* only errors on stderr */
	unsigned verbose;

	const char *config; /* the configuration file; NULL: none */
	bool check_config, print_config, probe;
	struct option_setting *settings; /* what is in force, in the order in which it was given */
	size_t setting_cnt;
	char *config_text; /* what the file's settings point into */

	char command[200]; /* the arguments as given; "..." at the end if there are more */
	bool help, version, schema;
};

/* Fills o from the command line and the configuration file that it names. The command line wins: a row of
 * the table that it gives is not taken from the file at all. 0, or EX_USAGE or (for what is wrong in the file)
 * EX_CONFIG after messages on stderr that name the option and the value, or file and line.
 * Strings stay in argv or are freed by options__free, with all the rest. */
int options__parse(struct options *o, int argc, char **argv);
void options__free(struct options *o);
/* Whether the command line itself gave the option of this long name. */
bool options__on_command_line(const struct options *o, const char *name);
/* Writes the help text (for -h) to stdout. */
void options__help(void);
/* Writes a configuration file to stdout that stands for the options in force: every option with what it is
 * for, the others commented out. 0, EX_USAGE for a value that no line can hold, or EX_IOERR. */
int options__print(const struct options *o);

#endif
