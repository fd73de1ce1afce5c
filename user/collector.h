/* SPDX-License-Identifier: Apache-2.0 */
/* collector - the straight line from a ring's record to a line in the sink, and the books of what
 * happened to each. Knows nothing of time, signals or polling. */
#ifndef PVM_COLLECTOR_H
#define PVM_COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/arrays.h"
#include "base/clock.h"
#include "event/decode.h"
#include "event/host.h"
#include "event/identity.h"
#include "render/json_writer.h"
#include "options/options.h"
#include "event/record.h"
#include "output/recording.h"
#include "render/render.h"
#include "output/sink.h"
#include "kernel/tracer.h"

#define SINK_BUFFER (4u << 20) /* at least */

struct collector {
	const struct options *options;
	struct tracer *tracer;
	struct sink *sink;
	struct recorder *recorder; /* NULL: calls are rendered; else they are recorded as they are */
	bool replay;		   /* there is no tracer: all filters are ours */
	const struct recording_header *source; /* of what is replayed */
	uint64_t told_ns; /* when what is replayed next was recorded, ns since 1970 */
	struct renderer *renderer;
	struct render_opts render_opts;
	struct host host;
	struct clock_base clock;
	uint64_t clock_recorded; /* steps of it that are in the recording */
	struct decoder *decoder;
	struct arrays *arrays;
	struct identity *identity;
	struct json json;
	char run_id[17]; /* 16 hex digits, random */
	uint64_t seq;
	/* Calls by what became of their last record; in_flight records are counted apart. */
	uint64_t emitted;
	uint64_t summarised;
	uint64_t in_flight_emitted;
	uint64_t filtered;
	uint64_t lost_output;
	uint64_t lost_decode;
	uint64_t last_call_ns;	/* entry of the last call told, ns since 1970; 0: none */
	unsigned int reminders; /* until the next tick */
	unsigned int batch;	/* records since the loop last looked at its other work */
	uint64_t array_bytes;	/* taken from the ring of arrays since it was last gone to */
	bool full;		/* --count was reached: what comes now is filtered */
};

/* Everything but tracer and sink, which must be set in c before. 0 or a sysexits status after a message. */
int collector__open(struct collector *c, const struct options *o);
void collector__close(struct collector *c);
/* What it and its sink take of memory at most, but for what is small. */
uint64_t collector__bytes(const struct options *o);
/* Of the tracer once it is attached, or of a recording. */
void collector__set_key(struct collector *c, const struct pin_key *key);

/* Callbacks for tracer__open_rings; ctx is the collector. The first gives -EAGAIN when it is time to look
 * at other work or the sink has no room; the second when a whole ring has been taken, which is all that was there
 * at first: a flood can refill it for ever. */
int collector__on_call(void *ctx, void *data, size_t size);
int collector__on_array(void *ctx, void *data, size_t size);

/* For tracer__take_summaries. */
int collector__on_summary(void *ctx, void *data, size_t size);
/* Calls that were counted as told, but did not reach the output after all, are lost. */
void collector__take_back(struct collector *c, uint64_t calls);

/* Whether a record may be taken from the rings: there is room for what it becomes. */
bool collector__room(struct collector *c);
/* Writes what is pending. 0, or as sink__flush. */
int collector__flush(struct collector *c);
/* Puts steps of the clock into the recording that are not there yet. */
void collector__record_clock(struct collector *c);
/* From time to time, and when the user wants it: reads the host's name again. */
void collector__look_at_host(struct collector *c);
/* About once a second: looks at the clocks. */
void collector__tick(struct collector *c);

/* Drains the ring of calls until it is empty (0), or until -EAGAIN as above. got: whether there was anything. */
int collector__drain(struct collector *c, bool *got);

/* Numbers, renders and commits a record that the program itself has to tell. rec's type, time and payload are
 * given. 0, -EAGAIN if the sink has no room, -ENOMEM. */
int collector__tell(struct collector *c, struct record *rec);
/* The same for `reopen`, which goes before whatever is pending. */
int collector__tell_reopen(struct collector *c, const char *reason);
/* For sink__on_new; ctx is the collector. */
void collector__on_new_file(void *ctx, const char *reason);

#endif
