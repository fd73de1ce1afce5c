/* SPDX-License-Identifier: Apache-2.0 */
#include "render/schema.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"

/* It is taken in by the assembler, which every compiler for every machine brings with it; its paths begin where
 * make runs. The Makefile knows that the object depends on the file. */
__asm__(".pushsection .rodata\n"
	".globl pvm_schema_begin, pvm_schema_end\n"
	".hidden pvm_schema_begin\n"
	".hidden pvm_schema_end\n"
	"pvm_schema_begin:\n"
	".incbin \"docs/pvmtrace-event.schema.json\"\n"
	"pvm_schema_end:\n"
	".byte 0\n"
	".popsection\n");

extern const char pvm_schema_begin[], pvm_schema_end[];

const char *schema__text(size_t *len)
{
	*len = (uintptr_t)pvm_schema_end - (uintptr_t)pvm_schema_begin;
	return pvm_schema_begin;
}

int schema__print(void)
{
	size_t len;
	const char *text = schema__text(&len);

	if (fwrite(text, 1, len, stdout) == len && !fflush(stdout))
		return 0;
	log__error("stdout: %s", strerror(errno));
	return EX_IOERR;
}
