/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/frames.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/event.h"
#include "tests/fuzz/fuzz.h"

#define FRAMES_MAX 256
#define GROWTH 512 /* bytes that a frame may become longer by at once */
#define HEAD (CHOICES + sizeof(struct recording_header))

void frames__begin(struct frames *f, const uint8_t *data, size_t size)
{
	static struct recording_header header;
	size_t cnt = size < CHOICES ? size : CHOICES;

	*f = (struct frames){ .header = &header };
	memset(&header, 0, sizeof(header));
	if (!size)
		return;
	memcpy(f->choice, data, cnt);
	f->at = data + cnt;
	f->left = size - cnt;
	cnt = f->left < sizeof(header) ? f->left : sizeof(header);
	memcpy(&header, f->at, cnt);
	f->at += cnt;
	f->left -= cnt;
}

bool frames__next(struct frames *f, uint32_t *kind, void **data, size_t *size)
{
	struct frame frame;

	free(f->copy);
	f->copy = NULL;
	if (f->left < sizeof(frame))
		return false;
	memcpy(&frame, f->at, sizeof(frame));
	f->at += sizeof(frame);
	f->left -= sizeof(frame);
	*size = frame.size < f->left ? frame.size : f->left;
	*kind = frame.kind;
	f->copy = malloc(*size ? *size : 1);
	assert_non_null(f->copy);
	memcpy(f->copy, f->at, *size);
	*data = f->copy;
	f->at += *size;
	f->left -= *size;
	return true;
}

void frames__end(struct frames *f)
{
	free(f->copy);
	f->copy = NULL;
}

void frames__mend_record(void *data, size_t size)
{
	struct pvm_hdr hdr;

	if (size < sizeof(hdr))
		return;
	memcpy(&hdr, data, sizeof(hdr));
	hdr.size = (uint32_t)size;
	hdr.version = PVM_WIRE_VERSION;
	memcpy(data, &hdr, sizeof(hdr));
}

/* Where the frames of an input begin; the last one is where it ends. */
struct places {
	size_t at[FRAMES_MAX + 1];
	size_t cnt;
};

static void find_frames(struct places *p, const uint8_t *data, size_t size)
{
	struct frame frame;
	size_t at = HEAD;

	p->cnt = 0;
	while (p->cnt < FRAMES_MAX && at + sizeof(frame) <= size) {
		p->at[p->cnt++] = at;
		memcpy(&frame, data + at, sizeof(frame));
		at += sizeof(frame);
		at += frame.size < size - at ? frame.size : size - at;
	}
	p->at[p->cnt] = at < size ? at : size;
}

/* Puts len bytes in the place of those from begin to end. Returns the new size, or 0: there is no room. */
static size_t replace(uint8_t *data, size_t size, size_t max, size_t begin, size_t end,
		      const uint8_t *with, size_t len)
{
	if (size - (end - begin) + len > max)
		return 0;
	memmove(data + begin + len, data + end, size - end);
	if (len)
		memcpy(data + begin, with, len);
	return size - (end - begin) + len;
}

static size_t change_frame(uint8_t *data, size_t size, size_t max, size_t begin, size_t end)
{
	size_t len = end - begin - sizeof(struct frame), room = len + GROWTH;
	uint8_t *copy = malloc(sizeof(struct frame) + room);
	struct frame frame;

	assert_non_null(copy);
	memcpy(copy, data + begin, sizeof(frame) + len);
	len = LLVMFuzzerMutate(copy + sizeof(frame), len, room);
	memcpy(&frame, copy, sizeof(frame));
	frame.size = (uint32_t)len;
	memcpy(copy, &frame, sizeof(frame));
	size = replace(data, size, max, begin, end, copy, sizeof(frame) + len);
	free(copy);
	return size;
}

/* Puts a copy of the frame from begin to end in front of another one. */
static size_t repeat_frame(uint8_t *data, size_t size, size_t max, size_t begin, size_t end,
			   size_t where)
{
	size_t len = end - begin;
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, data + begin, len);
	size = replace(data, size, max, where, where, copy, len);
	free(copy);
	return size;
}

/* Most changes are within one frame, or of whole frames: one that shifted all that follows would be noise. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	struct places p;
	size_t new_size = 0, which;

	if (size < HEAD)
		return LLVMFuzzerMutate(data, size, max);
	find_frames(&p, data, size);
	which = p.cnt ? (seed >> 8) % p.cnt : 0;
	switch (p.cnt ? seed % 16 : seed % 2) {
	case 0:
		LLVMFuzzerMutate(data, CHOICES, CHOICES);
		return size;
	case 1:
		return LLVMFuzzerMutate(data, size, max);
	case 2:
		new_size = replace(data, size, max, p.at[which], p.at[which + 1], NULL, 0);
		break;
	case 3:
	case 4:
		new_size = repeat_frame(data, size, max, p.at[which], p.at[which + 1],
					p.at[(seed >> 16) % p.cnt]);
		break;
	default:
		new_size = change_frame(data, size, max, p.at[which], p.at[which + 1]);
	}
	return new_size ? new_size : LLVMFuzzerMutate(data, size, max);
}
