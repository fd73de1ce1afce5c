/* SPDX-License-Identifier: Apache-2.0 */
#include "output/lines.h"

#include <string.h>

size_t lines__whole(const char *data, size_t len, size_t max)
{
	const char *last;

	if (len <= max)
		return len;
	last = memrchr(data, '\n', max);
	return last ? (size_t)(last - data) + 1 : 0;
}
