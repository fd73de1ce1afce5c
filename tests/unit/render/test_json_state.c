/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "own_record.h"

static const struct doubt reasons[] = { { .kind = DOUBT_LOST },
					{ .kind = DOUBT_ERROR, .error = ERROR_HOOKS_SILENT } };
static struct counter counters[] = {
	{ "seen", 10 },	     { "emitted", 7 },	  { "summarised", 0 },	 { "filtered", 3 },
	{ "lost", 0 },	     { "ring_full", 0 },  { "state_full", 0 },	 { "state_stale", 0 },
	{ "output", 0 },     { "begun", 10 },	  { "ended", 10 },	 { "in_flight_told", 0 },
	{ "array_lost", 0 }, { "self_tests", 2 }, { "skipped_runs", 0 }, { "identity_lost", 0 },
};

#define COUNTER_CNT (sizeof(counters) / sizeof(counters[0]))

static void test_start(void **state)
{
	struct render_opts o = { .iov_limit = 32, .max_line = 1024 };
	struct own_records own;
	json_t *line;

	(void)state;
	own_records__fill(&own);
	own.options.count = 0;
	for (; o.max_line < 4000; o.max_line++) {
		line = rendering__line(&own.r[0], &o);
		assert_true(rendering.len >= 1024);
		line__keys(
			line,
			"time schema type seq told run id instance version libbpf kernel "
			"kernel_version arch attach resolve confirms witnesses tamper audit sandbox abis unseen notes filters "
			"rules limits config_hash counter_names pid user pad truncated host");
		assert_string_equal(json_string_value(json_object_get(line, "instance")),
				    FIXTURE_RUN_ID);
		json_decref(line);
	}
	line = rendering__line(&own.r[0], &rendering_defaults);
	assert_int_equal(json_array_size(json_object_get(line, "truncated")), 0);
	assert_string_equal(
		json_string_value(json_array_get(
			json_object_get(line__at(line, "filters", "caller"), "comm"), 0)),
		"!stra\"ce");
	assert_int_equal(json_integer_value(line__at(line, "limits", "iov_limit")), 1024);
	assert_true(json_is_null(line__at(line, "limits", "count")));
	assert_int_equal(json_array_size(json_object_get(line, "sandbox")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(line, "sandbox"), 1)),
			    "seccomp");
	assert_int_equal(json_array_size(json_object_get(line, "counter_names")),
			 own.r[0].start.counter_cnt);
	json_decref(line);
}

static void test_reopen(void **state)
{
	struct render_opts o = { .iov_limit = 32, .max_line = 1024 };
	struct own_records own;
	json_t *line;

	(void)state;
	own_records__fill(&own);
	line = rendering__line(&own.r[1], &o);
	assert_int_equal(rendering.len, 1024);
	line__keys(line, "time schema type seq told run id instance reason pad truncated host");
	json_decref(line);
	json_decref(rendering__line(&own.r[1], &rendering_defaults));
	assert_int_equal(rendering.len, 1024);
}

#define COUNTERS                                                                                 \
	"{\"seen\":10,\"emitted\":7,\"summarised\":0,\"filtered\":3,\"lost\":0,\"ring_full\":0," \
	"\"state_full\":0,\"state_stale\":0,\"output\":0,\"begun\":10,\"ended\":10,"             \
	"\"in_flight_told\":0,\"array_lost\":0,\"self_tests\":2,\"skipped_runs\":0,"             \
	"\"identity_lost\":0}"

static void test_state(void **state)
{
	struct record r = { .real_ns = START_NS,
			    .told_ns = TOLD_NS,
			    .run = FIXTURE_RUN_ID,
			    .seq = 12,
			    .host = &fixture_host };

	(void)state;
	r.type = REC_STATS;
	r.stats = (struct stats_info){ .counters = counters,
				       .counter_cnt = COUNTER_CNT,
				       .in_flight = 5 };
	json_decref(rendering__line(&r, &rendering_defaults));
	rendering__expect(HEAD("stats") OWN_ID
			  "\"counters\":" COUNTERS
			  ",\"in_flight\":5,\"rules\":[],\"truncated\":[]," HOST_JSON);

	r.type = REC_LOST;
	r.lost = (struct lost_info){ 10, counters + 5, 2, START_NS - 1000000000, START_NS };
	json_decref(rendering__line(&r, &rendering_defaults));
	rendering__expect(HEAD("lost") OWN_ID
			  "\"count\":10,\"by\":{\"ring_full\":0,\"state_full\":0},"
			  "\"since\":\"2026-11-21T19:28:10.123456789Z\","
			  "\"until\":\"2026-11-21T19:28:11.123456789Z\"," //
			  "\"truncated\":[]," HOST_JSON);

	r.type = REC_ERROR;
	r.error = (struct error_info){ ERROR_HOOKS_SILENT, NULL, "say \"why\"", 0, 0 };
	json_decref(rendering__line(&r, &rendering_defaults));
	rendering__expect(HEAD("error") OWN_ID
			  "\"code\":\"hooks_silent\",\"message\":\"say \\\"why\\\"\","
			  "\"since\":null,\"until\":null,\"truncated\":[]," HOST_JSON);
	r.error = (struct error_info){ ERROR_HOOKS_BACK, NULL, "again", START_NS - 1000000000,
				       START_NS };
	json_decref(rendering__line(&r, &rendering_defaults));
	rendering__expect(HEAD("error") OWN_ID "\"code\":\"hooks_back\",\"message\":\"again\","
					       "\"since\":\"2026-11-21T19:28:10.123456789Z\","
					       "\"until\":\"2026-11-21T19:28:11.123456789Z\","
					       "\"truncated\":[]," HOST_JSON);

	r.type = REC_STOP;
	r.stop = (struct stop_info){
		END_SIGNAL, NULL,  "SIGTERM", { .counters = counters, .counter_cnt = COUNTER_CNT },
		true,	    false, reasons,   2
	};
	json_decref(rendering__line(&r, &rendering_defaults));
	rendering__expect(HEAD("stop") OWN_ID
			  "\"reason\":\"signal\",\"signal\":\"SIGTERM\",\"counters\":" COUNTERS
			  ",\"in_flight\":0,\"rules\":[],\"balanced\":true,\"complete\":false,"
			  "\"incomplete\":[\"lost\",\"hooks_silent\"],"
			  "\"truncated\":[]," HOST_JSON);
}

/* Bytes of its name that are no text stand beside it, in every line. */
static void test_host(void **state)
{
	struct host host = fixture_host;
	struct record r = { .type = REC_ERROR,
			    .real_ns = START_NS,
			    .told_ns = TOLD_NS,
			    .run = FIXTURE_RUN_ID,
			    .seq = 12,
			    .host = &host,
			    .error = { ERROR_TARGET_GONE, NULL, "gone", 0, 0 } };
	json_t *line;

	(void)state;
	strcpy(host.name, "w\xff\xc2\x85");
	line = rendering__line(&r, &rendering_defaults);
	line__keys(json_object_get(line, "host"), "name name_hex machine_id boot_id");
	assert_string_equal(json_string_value(line__at(line, "host", "name_hex")), "77ffc285");
	assert_string_equal(json_string_value(line__at(line, "host", "name")),
			    "w\xef\xbf\xbd\xc2\x85");
	json_decref(line);
	strcpy(host.name, "b\xc3\xa4r");
	line = rendering__line(&r, &rendering_defaults);
	line__keys(json_object_get(line, "host"), "name machine_id boot_id");
	json_decref(line);
}

static void test_state_short(void **state)
{
	struct counter many[60];
	struct render_opts o = { .iov_limit = 32, .max_line = 1024 };
	struct record r = { .real_ns = START_NS,
			    .told_ns = TOLD_NS,
			    .run = FIXTURE_RUN_ID,
			    .seq = UINT64_MAX,
			    .host = &fixture_host };
	char message[3000];
	json_t *line;

	(void)state;
	for (size_t i = 0; i < 60; i++)
		many[i] = (struct counter){ "a_counter_of_some_length", i % 3 ? 0 : UINT64_MAX };
	r.type = REC_STOP;
	r.stop = (struct stop_info){
		END_SIGNAL, NULL, NULL, { .counters = many, .counter_cnt = 20, .in_flight = 1 },
		true,	    true, NULL, 0
	};
	render_in(FORMAT_JSON, &r, &o);
	assert_true(rendering.len <= 1024);
	r.stop.stats.counter_cnt = 60;
	line = rendering__line(&r, &o);
	assert_true(line__cuts(line, "host") && line__cuts(line, "counters"));
	assert_true(json_is_true(json_object_get(line, "balanced")));
	json_decref(line);
	memset(message, '\x01', sizeof(message));
	message[sizeof(message) - 1] = '\0';
	r.type = REC_ERROR;
	r.error = (struct error_info){ ERROR_OUTPUT_FAILING, NULL, message, START_NS, 0 };
	line = rendering__line(&r, &o);
	assert_true(line__cuts(line, "message"));
	json_decref(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),	    cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_state),	    cmocka_unit_test(test_host),
		cmocka_unit_test(test_state_short),
	};

	return cmocka_run_group_tests(tests, NULL, rendering__teardown);
}
