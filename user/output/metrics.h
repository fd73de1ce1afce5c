/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - the counters as a file in Prometheus's text format, for the textfile collector of node_exporter. */
#ifndef PVM_METRICS_H
#define PVM_METRICS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "event/counts.h"
#include "event/record.h"
#include "output/place.h"

struct metrics_info {
	const char *version;
	const char *libbpf;
	enum attach_method attach;
	enum resolve_method resolve;
	const struct books *books;
	const struct rule *rules; /* of a file, in the order of the books' */
	size_t rule_cnt;
	uint64_t start_ns;     /* ns since 1970 */
	uint64_t last_call_ns; /* likewise, entry of the last call emitted; 0: none yet */
	uint64_t ring_bytes, array_ring_bytes;
	const struct doubt *incomplete; /* why calls may be missing so far */
	size_t incomplete_cnt;
	const struct told_counts *told;
	const struct abi_info *abis;
	size_t abi_cnt;
	uint64_t held;	   /* bytes that the output has not taken */
	uint64_t held_max; /* for how many there is room */
	uint64_t written;  /* bytes that it took */
	uint64_t every_s;  /* the file is written anew so often */
	const char *config_hash;
	size_t alive[2]; /* by enum pvm_who: processes that a pid filter asks for */
	bool running;	 /* false: written at the end */
};

/* Renders into a buffer that the caller frees; NULL: out of memory. It is pure. */
char *metrics__text(const struct metrics_info *info, size_t *len);

struct metrics {
	const char *path; /* NULL: not asked for */
	int dir_fd;	  /* -1: not opened */
	bool failing;	  /* said once, until it works again */
	struct owner owner;
	char dir[PATH_MAX];
	const char *name; /* the part of path behind the directory */
	char temp[NAME_MAX + 1];
};

/* Begins. path: kept, not copied; NULL: every write does nothing. owner: whom we become. Opens the directory while it is in
 * reach; whether files can be made there is seen at the first write, as whom the writes will be. */
void metrics__open(struct metrics *m, const char *path, const struct owner *owner);
/* Replaces the file, unless it is another user's, by a new one, mode 0644, in one step. Returns 0 or -errno; says on stderr
 * when it begins to fail and when it works again. */
int metrics__write(struct metrics *m, const struct metrics_info *info);
void metrics__close(struct metrics *m);

#endif
