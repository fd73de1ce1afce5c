/* SPDX-License-Identifier: Apache-2.0 */
/* config - a configuration file: it is taken, or refused with a message; and what --print-config makes of it means the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "options/command_line.h"
#include "tests/fuzz/fuzz.h"

/* Two files, of which one is made of the other; and what stdout is. */
static int files[2], out;
static char names[2][32];

static int parse(struct options *o, int which)
{
	char *argv[] = { (char *)"pvmtrace", (char *)"--config", names[which], NULL };

	return options__parse(o, 3, argv);
}

/* Prints what is in force. Returns NULL where no line can hold a value; else the text, to be freed. */
static char *print(const struct options *o, size_t *size)
{
	int status;

	assert_int_equal(ftruncate(out, 0), 0);
	rewind(stdout);
	status = options__print(o);
	assert_int_equal(fflush(stdout), 0);
	assert_true(!status || status == EX_USAGE);
	return status ? NULL : fuzz__read_file(out, size);
}

static void check_printed(const struct options *o)
{
	size_t size = 0, again_size = 0;
	struct options again;
	char *text = print(o, &size), *text_again;

	if (!text)
		return;
	fuzz__fill_file(files[1], text, size);
	assert_int_equal(parse(&again, 1), 0);
	text_again = print(&again, &again_size);
	assert_non_null(text_again);
	assert_int_equal(size, again_size);
	assert_memory_equal(text, text_again, size);
	free(text_again);
	free(text);
	options__free(&again);
}

static void begin(void)
{
	files[0] = fuzz__file("config");
	files[1] = fuzz__file("printed");
	out = fuzz__file("stdout");
	for (int i = 0; i < 2; i++)
		snprintf(names[i], sizeof(names[i]), "/proc/self/fd/%d", files[i]);
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options o;
	int status;

	if (!out)
		begin();
	fuzz__fill_file(files[0], data, size);
	fuzz_text[0] = '\0';
	status = parse(&o, 0);
	if (!status) {
		check_printed(&o);
		options__free(&o);
		return 0;
	}
	assert_true(status == EX_CONFIG || status == EX_USAGE);
	assert_true(fuzz_text[0] != '\0');
	return 0;
}
