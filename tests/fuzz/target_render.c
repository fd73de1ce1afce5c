/* SPDX-License-Identifier: Apache-2.0 */
/* render - whatever was decoded, in each format, within each length: one strict line, and what it lacks is named. */
#include "cuts.h"
#include "fixture.h"
#include "render/fit.h"
#include "render/parts.h"
#include "rendering.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/play.h"

#define LINE_MIN 1024
#define RECORDS_MAX 2 /* of an input: each is rendered several times */
#define SKIP_MAX 16   /* records that are only decoded, ahead of these */

static const struct cuts_format formats[] = {
	{ .format = FORMAT_JSON, .rest = "", .args = "caller.args", .nulls = true },
	{ .format = FORMAT_ECS, .rest = "pvmtrace", .args = "process.args" },
	{ .format = FORMAT_OCSF,
	  .rest = "unmapped",
	  .args = "actor.process.cmd_line",
	  .prefix_of = "actor.process.cmd_line" },
};

static uint32_t choose_limit(const uint8_t *choice)
{
	return LINE_MIN + choice[0] * (choice[1] % 2 ? 16U : 256U) + choice[1] / 2;
}

static uint64_t choose_omission(const uint8_t *choice)
{
	uint64_t parts = 0;

	for (unsigned int part = 0; part < FIT_CNT; part++) {
		if (choice[part % 4] >> (part / 4 % 8) & 1 && fit_rows[part].in[FIT_JSON].names)
			parts |= FIT_BIT(part);
	}
	return parts__with_siblings(parts);
}

/* Renders as a run with these options does, and expects a line. */
static void check_options(const struct record *r, const uint8_t *choice)
{
	struct render_opts o = { .iov_limit = choice[6] % 8 ? choice[6] : UINT32_MAX,
				 .max_line = choose_limit(choice + 4),
				 .args_room = choice[7] * 24U,
				 .names_within = choice[8] & 1 ? FIT_LINE : 0,
				 .data = choice[8],
				 .omit = choice[9] % 4 ? 0 : choose_omission(choice + 10),
				 .width = choice[9] & 8 ? choice[7] : 0,
				 .color = choice[9] & 16,
				 .args = choice[9] & 32 };

	json_decref(rendering__line_in(formats[choice[15] / 3 % 3].format, r, &o));
	render_in(FORMAT_TEXT, r, &o);
	assert_true(rendering.len <= o.max_line);
	fuzz__expect_text(rendering.buf, rendering.len, o.color);
}

static void check_record(struct record *r, const uint8_t *choice)
{
	static const uint32_t iov_limits[] = { 0, 1, 32, UINT32_MAX };
	const uint32_t limits[] = { choose_limit(choice + 4), choose_limit(choice + 12) };

	r->run = FIXTURE_RUN_ID;
	r->host = &fixture_host;
	r->seq = 12;
	r->real_ns = START_NS;
	r->told_ns = TOLD_NS;
	if (r->type != REC_TAMPER)
		r->call.rule = choice[3] & 1 ? &rendering_rule : NULL;
	cuts__check(&formats[choice[15] % 3], r, iov_limits[choice[3] / 2 % 4], limits, 2);
	check_options(r, choice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int skip, cnt = 0;
	struct record r;
	struct play p;

	play__begin(&p, data, size);
	skip = p.frames.choice[14] % SKIP_MAX;
	while (cnt < RECORDS_MAX + skip && play__next(&p, &r)) {
		if (cnt++ >= skip)
			check_record(&r, p.frames.choice);
	}
	play__end(&p);
	return 0;
}
