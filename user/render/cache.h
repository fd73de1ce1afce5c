/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache - what a renderer keeps of the lines before, because the next ones mostly say it again: seconds, the host, the
 * processes. It never changes what a line says. It is of this size and no larger, whatever is rendered, and goes with its
 * renderer. All zero, it keeps nothing.
 */
#ifndef PVM_RENDER_CACHE_H
#define PVM_RENDER_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/clock.h"
#include "event/host.h"
#include "event/record.h"

#define CACHE_SECONDS 8 /* a power of two */
#define CACHE_HOST 1024
#define CACHE_TASKS 128 /* a power of two; about 190 KiB together, touched as they are used */
#define CACHE_TASK 1408 /* longer ones are rendered each time */

/* This is a second of local time, "23:59:59". */
struct local_second {
	time_t second;
	char text[sizeof("00:00:00")]; /* "": none */
};

struct cached_host {
	struct host host;
	size_t len; /* 0: none */
	char text[CACHE_HOST];
};

/* The text depends on all of this, so equal keys are equal texts. */
struct task_key {
	struct pvm_task task;
	uint64_t stamp[2];
	uint64_t real_start_ns;
	uint64_t is_target;
	uint64_t omit;
};

struct cached_task {
	struct task_key key;
	uint32_t len; /* 0: empty */
	char text[CACHE_TASK];
};

struct render_cache {
	struct clock_text seconds[CACHE_SECONDS]; /* by their number, modulo */
	struct local_second local;
	struct cached_host host;
	struct cached_task tasks[CACHE_TASKS]; /* by their hash */
	char path[2 * PVM_PATH_MAX];	       /* for fit__text */
};

_Static_assert(sizeof(struct render_cache) <= 256 << 10, "small beside what a run takes of memory");

/* Returns where the second of that moment is, if it is kept. */
static inline struct clock_text *cache__second(struct render_cache *cache, uint64_t real_ns)
{
	return &cache->seconds[real_ns / NS_PER_S % CACHE_SECONDS];
}

#endif
