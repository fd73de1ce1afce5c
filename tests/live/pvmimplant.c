/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmimplant PID OFFSET - does what programs do that put code of their own into others: finds PID's heap and the data of its C
 * library, reads the pointer that stands at OFFSET of the library's file, writes a table to the end of the heap, which
 * nobody uses yet, and then the table's address in the pointer's place. Prints the three calls.
 */
#include "trigger.h"

#define TABLE 8

/* This is a range of another process's memory. */
struct range {
	uint64_t start, end, offset;
};

/* Returns the range of a line of maps ("start-end rights offset dev inode name") that has these rights and whose name ends so;
 * of another one nothing. */
static struct range range_at(const char *line, const char *rights, const char *name)
{
	struct range r = { 0 };
	size_t len = strcspn(line, "\n"), name_len = strlen(name);
	char *at;

	if (len < name_len || memcmp(line + len - name_len, name, name_len) != 0)
		return r;
	r.start = strtoul(line, &at, 16);
	r.end = strtoul(at + 1, &at, 16);
	if (memcmp(at + 1, rights, strlen(rights)) != 0)
		return (struct range){ 0 };
	r.offset = strtoul(at + 1 + strlen(rights), NULL, 16);
	return r;
}

/* Returns PID's first one of these that has what is at the offset in its file; 0: whatever it has. */
static struct range range_of(const char *pid, const char *rights, const char *name, uint64_t offset)
{
	struct range r = { 0 };
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "r");
	if (!maps)
		die(path);
	while (fgets(line, sizeof(line), maps)) {
		r = range_at(line, rights, name);
		if (r.end && (!offset || offset - r.offset < r.end - r.start))
			break;
		r.end = 0;
	}
	fclose(maps);
	if (!r.end)
		die(name);
	return r;
}

/* Makes a call that moves len bytes between from here and at there. */
static struct call moved(int op, pid_t pid, struct iovec *local, struct iovec *remote, void *here,
			 uint64_t at, size_t len)
{
	struct call c;

	*local = (struct iovec){ here, len };
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): an address of another process */
	*remote = (struct iovec){ (void *)(uintptr_t)at, len };
	c = call_of(op, pid, local, 1, remote, 1, 0);
	call_run(&c);
	return c;
}

int main(int argc, char **argv)
{
	uint64_t offset, at, table[TABLE], pointer = 0;
	struct iovec local[3], remote[3];
	struct range data, code, heap;
	struct call calls[3];
	pid_t pid;

	if (argc != 3)
		return 64;
	pid = (pid_t)strtol(argv[1], NULL, 10);
	offset = strtoul(argv[2], NULL, 16);
	data = range_of(argv[1], "rw-p", "/libc.so.6", offset);
	code = range_of(argv[1], "r-xp", "/libc.so.6", 0);
	heap = range_of(argv[1], "rw-p", "[heap]", 0);
	at = data.start + (offset - data.offset);
	calls[0] = moved(READ, pid, &local[0], &remote[0], &pointer, at, sizeof(pointer));
	for (int i = 0; i < TABLE; i++)
		table[i] = code.start;
	pointer = heap.end - 4 * sizeof(table);
	calls[1] = moved(WRITE, pid, &local[1], &remote[1], table, pointer, sizeof(table));
	calls[2] = moved(WRITE, pid, &local[2], &remote[2], &pointer, at, sizeof(pointer));
	report(NULL, calls, 3);
	return 0;
}
