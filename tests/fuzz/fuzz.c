/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

char fuzz_text[FUZZ_TEXT_SZ];

/* What was freed is remembered for a while that holds several inputs; more would make each of them a walk through new pages. */
__attribute__((weak)) const char *__asan_default_options(void)
{
	return "quarantine_size_mb=32:allocator_release_to_os_interval_ms=-1";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("CMOCKA_TEST_ABORT", "1", true);
	log__setup(true, 0);
	log__keep(fuzz_text, sizeof(fuzz_text));
	return 0;
}

int fuzz__file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

void fuzz__fill_file(int fd, const void *data, size_t size)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, data, size, 0), (ssize_t)size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
}

char *fuzz__read_file(int fd, size_t *size)
{
	struct stat st;
	char *text;

	assert_int_equal(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	text = malloc(*size + 1);
	assert_non_null(text);
	assert_int_equal(pread(fd, text, *size, 0), st.st_size);
	text[*size] = '\0';
	return text;
}

/* Returns how long the sequence of a colour is that stands there; 0: there is none. */
static size_t color_len(const char *at, size_t len)
{
	size_t n = 2;

	if (len < 3 || at[0] != '\x1b' || at[1] != '[')
		return 0;
	while (n < len && (at[n] == ';' || (at[n] >= '0' && at[n] <= '9')))
		n++;
	return n < len && at[n] == 'm' ? n + 1 : 0;
}

void fuzz__expect_text(const char *line, size_t len, bool color)
{
	assert_true(len > 0 && line[len - 1] == '\n');
	for (size_t i = 0; i < len - 1; i++) {
		const unsigned char c = (unsigned char)line[i];
		size_t sequence = color ? color_len(line + i, len - i) : 0;

		if (sequence) {
			i += sequence - 1;
			continue;
		}
		assert_true(c >= ' ' && c != 0x7f);
		/* These are U+0080 to U+009F. */
		assert_false(c == 0xc2 && (unsigned char)line[i + 1] < 0xa0);
	}
}

void fuzz__touch(const void *bytes, size_t len)
{
	const volatile uint8_t *at = bytes;

	assert_true(bytes || !len);
	for (size_t i = 0; i < len; i++)
		(void)at[i];
}
