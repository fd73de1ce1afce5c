/* SPDX-License-Identifier: Apache-2.0 */
/* common - what the formats that are JSON write alike. `nulls` is where they differ: whether
 * what is not known is null or absent. */
#ifndef PVM_RENDER_COMMON_H
#define PVM_RENDER_COMMON_H

#include "base/clock.h"
#include "base/options.h"
#include "render/cache.h"
#include "render/fit.h"

/* Shippers know a file by its first record, and Filebeat takes no file that is shorter. */
#define FIRST_LINE_MIN 1024

/* Puts "flags" and "flag_names" of a call. */
void common__flags(struct json *j, uint64_t flags);
/* Returns what became of a list's array, a word. */
const char *common__status(enum list_status status);
/* Puts "pinned": the pages that the kernel held. */
void common__pinned(struct json *j, const struct pvm_pins *pins);
/* Puts "args_hex", if an argument needs it and there is room. */
void common__args_hex(struct json *j, struct fit_plan *plan, const struct task_info *t);
/* Puts "data": what a call moved first, which is known. */
void common__data(struct json *j, const struct fit_plan *plan, const struct call_info *c);
/* Puts "containers": their ids, outermost first; null unless they are known. */
void common__containers(struct json *j, const struct task_info *t, bool known);
/* Puts of a sum: "errors", an object of calls by errno; "abis", a list of objects as it is in `start`; "low" and "high". */
void common__errors(struct json *j, const struct summary_info *s);
void common__abis(struct json *j, const struct summary_info *s);
void common__range(struct json *j, const struct summary_info *s, bool nulls);
/* Returns whether the argument named another process at exit. */
enum tristate common__moved(const struct pvm_call *call);

/* Puts the record's own id: of a call, what both of its records share; of others "RUN-s<seq>". */
void common__id(struct json *j, const char *key, const struct record *r);
/* Puts "run": the run's id. */
void common__run(struct json *j, const struct record *r);

/* Puts a time as RFC 3339, nanoseconds. */
static inline void common__time(struct json *j, struct render_cache *cache, const char *key,
				uint64_t real_ns)
{
	char text[CLOCK_TEXT_SZ];

	clock__text(cache__second(cache, real_ns), real_ns, text);
	json__plain(j, key, text, CLOCK_TEXT_SZ - 1);
}

/* Puts of a run: "confirms", "witnesses", "sandbox", "limits". */
void common__confirms(struct json *j, const struct confirm_info *c, bool nulls);
void common__witnesses(struct json *j, const struct witness_info *w, bool nulls);
void common__sandbox(struct json *j, uint8_t bits);
void common__limits(struct json *j, const struct options *o, bool nulls);
/* Puts "pad": as many spaces. */
void common__pad(struct json *j, size_t pad);
void common__texts(struct json *j, const char *key, const char *const *texts, size_t cnt);
/* Puts their words, as an array. */
void common__doubts(struct json *j, const char *key, const struct doubt *doubts, size_t cnt);

/* Puts an object of counters; zeroes: also of those that are 0. */
void common__counters(struct json *j, const char *key, const struct counter *counters, size_t cnt,
		      bool zeroes);

#endif
