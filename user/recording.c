/* SPDX-License-Identifier: Apache-2.0 */
/* recording - the reading side. */
#include "recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <zlib.h>

#include "log.h"

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

static void tidy_header(struct recording_header *h)
{
	TIDY(h->run_id);
	TIDY(h->program);
	TIDY(h->resolve);
	TIDY(h->user);
	TIDY(h->command);
	for (size_t i = 0; i < sizeof(h->abis) / sizeof(h->abis[0]); i++)
		TIDY(h->abis[i].name);
	TIDY(h->host.name);
	TIDY(h->host.machine_id);
	TIDY(h->host.boot_id);
	TIDY(h->host.kernel);
	TIDY(h->host.kernel_version);
	TIDY(h->host.arch);
}

static int check_header(struct recording *r)
{
	struct recording_header *h = &r->header;
	size_t got = fread(h, 1, sizeof(*h), r->file);
	uLong crc;

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
		log__error("--replay %s: format %u.%u, this program reads %u.%u (offset 12)",
			   r->path, h->version, h->wire, RECORDING_VERSION, PVM_WIRE_VERSION);
		return EX_DATAERR;
	}
	crc = crc32(0, (const Bytef *)h, offsetof(struct recording_header, crc));
	if ((uint32_t)crc != h->crc) {
		log__error("--replay %s: its header is damaged (offset 0)", r->path);
		return EX_DATAERR;
	}
	tidy_header(h);
	r->offset = sizeof(*h);
	return 0;
}

int recording__open(struct recording **out, const char *path)
{
	struct recording *r = calloc(1, sizeof(*r));
	int err;

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
	err = check_header(r);
	if (err) {
		recording__close(r);
		return err;
	}
	*out = r;
	return 0;
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
	uLong crc;

	if (!got && feof(r->file))
		return 0;
	if (got < sizeof(frame))
		return damaged(r, "cut off");
	if (frame.size > sizeof(r->data))
		return damaged(r, "damaged");
	if (fread(r->data, 1, frame.size, r->file) < frame.size)
		return damaged(r, feof(r->file) ? "cut off" : "damaged");
	crc = crc32(0, (const Bytef *)&frame, offsetof(struct frame, crc));
	crc = crc32(crc, (const Bytef *)r->data, frame.size);
	if ((uint32_t)crc != frame.crc)
		return damaged(r, "damaged");
	r->offset += sizeof(frame) + frame.size;
	*kind = (enum frame_kind)frame.kind;
	*data = r->data;
	*size = frame.size;
	return 1;
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
