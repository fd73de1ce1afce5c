/* SPDX-License-Identifier: Apache-2.0 */
#include "outputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "to_lines.h"

static const char *describe(enum file_change change)
{
	switch (change) {
	case FILE_EMPTIED:
		return "was made shorter, or written anew";
	case FILE_MOVED:
		return "was moved away";
	case FILE_REPLACED:
		return "is another file now, or a mount covers it";
	case FILE_REMOVED:
	default:
		return "was removed";
	}
}

static enum reopen_reason reopen_reason(enum file_change change)
{
	switch (change) {
	case FILE_EMPTIED:
		return REOPEN_EMPTIED;
	case FILE_MOVED:
		return REOPEN_MOVED;
	case FILE_REPLACED:
		return REOPEN_REPLACED;
	case FILE_REMOVED:
	default:
		return REOPEN_REMOVED;
	}
}

/* Tells it once, as soon as there is room for it in the output. */
static void tell(struct outputs *o, struct output_state *state, const char *what, const char *rest)
{
	char message[200];

	if (state->told)
		return;
	snprintf(message, sizeof(message), "the %s %s%s", what, describe(state->change), rest);
	state->told = !report__error(o->report, ERROR_OUTPUT_REPLACED, message, state->fine_ns);
	if (state->told)
		log__error("%s", message);
}

/* Tells what the file lets others do, or what they did with it, which costs it neither its name nor its begin. */
static void tell_others(struct outputs *o, struct output_state *state, const char *what,
			const char *left)
{
	char message[200];

	if (state->others_wrote) {
		snprintf(message, sizeof(message),
			 "others wrote to the %s%s: what was in it may be gone", what, left);
		state->others_wrote = report__error(o->report, ERROR_OUTPUT_REPLACED, message,
						    state->fine_ns) != 0;
		if (!state->others_wrote)
			log__error("%s", message);
	}
	if (*state->access) {
		snprintf(message, sizeof(message),
			 "others changed who may read or write the %s: %s now", what,
			 state->access);
		if (report__error(o->report, ERROR_OUTPUT_ACCESS, message, state->fine_ns))
			return;
		log__error("%s", message);
		state->access[0] = '\0';
	}
}

static void fine(struct output_state *state, uint64_t now)
{
	state->change = FILE_SAME;
	state->told = false;
	state->fine_ns = now;
}

static void watch_log(struct outputs *o, uint64_t now)
{
	struct collector *c = o->report->collector;
	struct output_state *state = &o->log;
	enum file_change change, before = state->change;

	sink__renew(c->sink);
	change = sink__look(c->sink);
	if (change == FILE_SAME || change == FILE_EMPTIED) {
		state->others_wrote |= sink__others_wrote(c->sink);
		(void)sink__access_changed(c->sink, state->access, sizeof(state->access));
		tell_others(o, state, "output file", "");
		fine(state, now);
		return;
	}
	state->change = change;
	if (change != FILE_REMOVED && before == FILE_SAME)
		return;
	switch (sink__reopen(c->sink)) {
	case 0:
		to_lines__on_new_file(c->lines, reopen_reason(change));
		if (change != FILE_MOVED)
			tell(o, state, "output file",
			     ": a new one was opened; what was written meanwhile may be gone");
		fine(state, now);
		break;
	default:
		sink__quiet_reopen(c->sink, true);
		tell(o, state, "output file",
		     ", and there can be no new one (see stderr): what is written now may be seen by "
		     "nobody");
	}
}

bool outputs__look_at_recording(struct outputs *o, struct recorder *recorder, uint64_t now)
{
	struct output_state *state = &o->recording;
	enum file_change change = recorder__look(recorder), before = state->change;

	if (change == FILE_SAME) {
		state->others_wrote |= recorder__others_wrote(recorder);
		(void)recorder__access_changed(recorder, state->access, sizeof(state->access));
		tell_others(o, state, "recording", ", which is cut off");
		fine(state, now);
		return false;
	}
	state->change = change;
	if (change == FILE_EMPTIED) {
		state->told = false;
		tell(o, state, "recording", ": it begins anew");
	} else if (change == FILE_REMOVED || before != FILE_SAME) {
		tell(o, state, "recording", ": it is still written, where nobody may find it");
	}
	return change == FILE_EMPTIED;
}

/* Tells once that the limit of the output file cannot be kept. */
static void watch_turns(struct outputs *o)
{
	int err = sink__turn_error(o->report->collector->sink);
	char message[160];

	if (!err) {
		o->turn_told = false;
		return;
	}
	if (o->turn_told)
		return;
	snprintf(message, sizeof(message),
		 "the output file grows beyond --max-size: there can be no new one: %s",
		 strerror(err));
	o->turn_told = !report__error(o->report, ERROR_ROTATION_FAILED, message, 0);
}

void outputs__tick(struct outputs *o)
{
	struct collector *c = o->report->collector;
	uint64_t now = clock__boot_now(&c->clock);

	watch_log(o, now);
	c->to.ops->look(c->to.ctx, o, now);
	watch_turns(o);
}
