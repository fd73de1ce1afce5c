/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/libbpf_log.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

static unsigned int verbosity; /* libbpf's callback has no context */

__attribute__((format(printf, 2, 0))) static int print_libbpf(enum libbpf_print_level level,
							      const char *fmt, va_list args)
{
	char text[1024];
	int len;

	/* The verifier's log is as long as it is. */
	if (verbosity >= 2)
		return vfprintf(stderr, fmt, args);
	if (level == LIBBPF_DEBUG)
		return 0;
	len = vsnprintf(text, sizeof(text), fmt, args);
	if (len > 0 && len < (int)sizeof(text) && text[len - 1] == '\n')
		text[len - 1] = '\0';
	log__debug("%s", text);
	return len;
}

void libbpf_log__setup(unsigned int verbose)
{
	verbosity = verbose;
	libbpf_set_print(print_libbpf);
}
