/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpus.h"

#include <stdlib.h>
#include <string.h>

#include "base/text_file.h"

/* The kernel makes no such file longer than a page. */
#define LIST_SZ 4097

size_t cpus__end(const char *path)
{
	static const char digits[] = "0123456789";
	char text[LIST_SZ], *at = text;
	size_t end = 0, cpu;

	text_file__read(path, text, sizeof(text));
	for (at += strcspn(at, digits); *at; at += strcspn(at, digits)) {
		cpu = strtoul(at, &at, 10);
		if (cpu >= end)
			end = cpu + 1;
	}
	return end;
}
