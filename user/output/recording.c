/* SPDX-License-Identifier: Apache-2.0 */
/* recording - reads what recording_layout.h describes. */
#include "output/recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"

struct recording {
	const char *path;
	FILE *file;
	unsigned long long offset; /* of the next frame */
	struct recording_header header;
	_Alignas(8) char data[RECORDING_FRAME_MAX];
};

/* A text of a file that anybody may have written becomes one that is safe to show. */
static void tidy(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

#define TIDY(array) tidy(array, sizeof(array))

/* Tidies what is said for people to read. Identifiers are checked instead. */
static void tidy_header(struct recording_header *h)
{
	TIDY(h->program);
	TIDY(h->user);
	TIDY(h->command);
	TIDY(h->host.name);
	TIDY(h->host.kernel);
	TIDY(h->host.kernel_version);
}

#define HEX "0123456789abcdefABCDEF"
#define WORD "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

/* These are identifiers of the header: what they may be made of, and their one length (0: any, none included). Those that
 * may be missing are "" then. */
static const struct {
	const char *what, *alphabet;
	size_t offset, size, len;
	bool optional;
} identifiers[] = {
#define AT(member) \
	offsetof(struct recording_header, member), sizeof(((struct recording_header *)0)->member)
	{ "run id", HEX, AT(run_id), 16, false },
	{ "way to look up targets", WORD, AT(resolve), 0, true },
	{ "first ABI", WORD, AT(abis[0].name), 0, true },
	{ "second ABI", WORD, AT(abis[1].name), 0, true },
	{ "third ABI", WORD, AT(abis[2].name), 0, true },
	{ "fourth ABI", WORD, AT(abis[3].name), 0, true },
	{ "machine id", HEX, AT(host.machine_id), 32, true },
	{ "boot id", HEX "-", AT(host.boot_id), 36, true },
	{ "architecture", WORD, AT(host.arch), 0, true },
#undef AT
};

PVM_ASSERT(ABIS_MAX == 4); /* each has a row */

static int check_identifiers(const struct recording *r)
{
	for (size_t i = 0; i < sizeof(identifiers) / sizeof(identifiers[0]); i++) {
		const char *id = (const char *)&r->header + identifiers[i].offset;
		size_t len = strnlen(id, identifiers[i].size);

		if (!len && identifiers[i].optional)
			continue;
		if (len < identifiers[i].size && strspn(id, identifiers[i].alphabet) == len &&
		    (!identifiers[i].len || len == identifiers[i].len))
			continue;
		log__error("--replay %s: its %s is '%.*s', which is none (offset %zu)", r->path,
			   identifiers[i].what, (int)len, id, identifiers[i].offset);
		return EX_DATAERR;
	}
	return 0;
}

static int check_header(struct recording *r)
{
	struct recording_header *h = &r->header;
	size_t got = fread(h, 1, sizeof(*h), r->file);
	int err;

	if (got < sizeof(h->magic) || memcmp(h->magic, RECORDING_MAGIC, sizeof(h->magic))) {
		log__error("--replay %s: not a recording of pvmtrace (offset 0)", r->path);
		return EX_DATAERR;
	}
	if (got < sizeof(*h)) {
		log__error("--replay %s: cut off inside its header (offset %zu)", r->path, got);
		return EX_DATAERR;
	}
	if (h->order != RECORDING_ORDER) {
		log__error("--replay %s: recorded on a host of the other byte order (offset 8)",
			   r->path);
		return EX_DATAERR;
	}
	if (h->version != RECORDING_VERSION || h->wire != PVM_WIRE_VERSION ||
	    h->size != sizeof(*h)) {
		log__error(
			"--replay %s: format %u.%u, this program reads %u.%u: it was recorded by "
			"another version of pvmtrace, which can replay it (offset 12)",
			r->path, h->version, h->wire, RECORDING_VERSION, PVM_WIRE_VERSION);
		return EX_DATAERR;
	}
	if (recording_header__checksum(h) != h->crc) {
		log__error("--replay %s: its header is damaged (offset 0)", r->path);
		return EX_DATAERR;
	}
	err = check_identifiers(r);
	if (err)
		return err;
	tidy_header(h);
	r->offset = sizeof(*h);
	return 0;
}

int recording__open(struct recording **out, const char *path)
{
	struct recording *r = calloc(1, sizeof(*r));

	if (!r) {
		log__error("out of memory");
		return EX_SOFTWARE;
	}
	r->path = path;
	r->file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	if (!r->file) {
		log__error("--replay %s: %s", path, strerror(errno));
		recording__close(r);
		return EX_NOINPUT;
	}
	*out = r;
	return 0;
}

int recording__begin(struct recording *r)
{
	return check_header(r);
}

const struct recording_header *recording__header(const struct recording *r)
{
	return &r->header;
}

static int damaged(const struct recording *r, const char *how)
{
	if (ferror(r->file)) {
		log__error("--replay %s: %s (offset %llu)", r->path, strerror(EIO), r->offset);
		return -EIO;
	}
	log__error("--replay %s: %s (offset %llu); all before it was replayed", r->path, how,
		   r->offset);
	return -EBADMSG;
}

int recording__next(struct recording *r, enum frame_kind *kind, const void **data, size_t *size)
{
	struct frame frame;
	size_t got = fread(&frame, 1, sizeof(frame), r->file);

	if (!got && feof(r->file))
		return 0;
	if (got < sizeof(frame))
		return damaged(r, "cut off");
	if (frame.size > sizeof(r->data))
		return damaged(r, "damaged");
	if (fread(r->data, 1, frame.size, r->file) < frame.size)
		return damaged(r, feof(r->file) ? "cut off" : "damaged");
	if (frame__checksum(&frame, r->data) != frame.crc)
		return damaged(r, "damaged");
	if (!frame__fits(frame.kind, frame.size))
		return damaged(
			r,
			"damaged, though its checksum is right: no frame is of its kind and size");
	r->offset += sizeof(frame) + frame.size;
	*kind = (enum frame_kind)frame.kind;
	*data = r->data;
	*size = frame.size;
	return 1;
}

bool recording__is_word(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	return len < size && strspn(text, WORD) == len;
}

unsigned long long recording__offset(const struct recording *r)
{
	return r->offset;
}

void recording__close(struct recording *r)
{
	if (!r)
		return;
	if (r->file && r->file != stdin)
		fclose(r->file);
	free(r);
}
