/* SPDX-License-Identifier: Apache-2.0 */
#include "output/recording_layout.h"

#include <string.h>
#include <zlib.h>

bool frame__fits(uint32_t kind, size_t size)
{
	switch ((enum frame_kind)kind) {
	case FRAME_CALL:
	case FRAME_ARRAY: /* a record says its own size, and is judged by who decodes it */
		return size <= RECORDING_FRAME_MAX;
	case FRAME_CLOCK:
		return size == sizeof(struct frame_clock);
	case FRAME_BOOKS:
		return size == sizeof(struct frame_books);
	case FRAME_KEY:
		return size == sizeof(struct pin_key);
	case FRAME_TOLD:
		return size == sizeof(uint64_t);
	case FRAME_HOST:
		return size == HOST_NAME_SZ;
	}
	return false;
}

uint32_t frame__checksum(const struct frame *frame, const void *data)
{
	const uLong crc = crc32(0, (const Bytef *)frame, offsetof(struct frame, crc));

	return (uint32_t)crc32(crc, data, frame->size);
}

uint32_t recording_header__checksum(const struct recording_header *header)
{
	return (uint32_t)crc32(0, (const Bytef *)header, offsetof(struct recording_header, crc));
}

void recording_header__seal(struct recording_header *header)
{
	memcpy(header->magic, RECORDING_MAGIC, sizeof(header->magic));
	header->order = RECORDING_ORDER;
	header->version = RECORDING_VERSION;
	header->wire = PVM_WIRE_VERSION;
	header->size = sizeof(*header);
	header->crc = recording_header__checksum(header);
}
