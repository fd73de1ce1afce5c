/* SPDX-License-Identifier: Apache-2.0 */
/* btf - a file for --btf: whatever stands in it, and whatever libbpf makes of it, it is taken or refused with a message. */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "kernel/types.h"
#include "sandbox/seccomp.h"
#include "tests/fuzz/fuzz.h"

int __wrap_seccomp__enforce(const struct seccomp_filter *filter);

static unsigned long inputs, deaths;

/* The child that parses the file may die of it: that is what it is for, and nothing to report. */
const char *__asan_default_options(void)
{
	return "handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0";
}

/* The sanitizer needs calls that the child is to live without. */
int __wrap_seccomp__enforce(const struct seccomp_filter *filter)
{
	(void)filter;
	return 0;
}

static void say_deaths(void)
{
	fprintf(stderr, "btf: the child that parses died of %lu of %lu inputs\n", deaths, inputs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int file;
	enum kernel_types what;
	char name[32];
	int status;

	if (!file) {
		file = fuzz__file("types");
		libbpf_set_print(NULL);
		(void)atexit(say_deaths);
	}
	fuzz__fill_file(file, data, size);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	fuzz_text[0] = '\0';
	status = kernel_types__check(name, &what);
	assert_true(status == 0 || status == EX_USAGE);
	assert_int_equal(status != 0, fuzz_text[0] != '\0');
	inputs++;
	deaths += strstr(fuzz_text, "did not come to its end") != NULL;
	return 0;
}
