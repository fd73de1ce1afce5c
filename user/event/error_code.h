/* SPDX-License-Identifier: Apache-2.0 */
/* error_code - what an `error` record is about, and whether calls may be missing for it. */
#ifndef PVM_ERROR_CODE_H
#define PVM_ERROR_CODE_H

#include <stdbool.h>

enum error_code {
	ERROR_HOOKS_SILENT,
	ERROR_HOOKS_BACK,
	ERROR_HOOKS_SKIPPED,
	ERROR_CONFIRMS_SILENT,
	ERROR_CONFIRMS_BACK,
	ERROR_AUDIT_SILENT,
	ERROR_AUDIT_BACK,
	ERROR_AUDIT_LOST,
	ERROR_TAMPERED,
	ERROR_STALLED,
	ERROR_CALLER_GONE,
	ERROR_TARGET_GONE,
	ERROR_WANTED_REPLACED,
	ERROR_WANTED_CHANGED,
	ERROR_EXCLUDED_REPLACED,
	ERROR_OUTPUT_FAILING,
	ERROR_OUTPUT_REPLACED,
	ERROR_OUTPUT_ACCESS,
	ERROR_ROTATION_FAILED,
	ERROR_UNKNOWN, /* one of a recording that another version made */
};

/* Returns "hooks_silent" and so on; NULL for ERROR_UNKNOWN. */
const char *error_code_name(enum error_code code);
enum error_code error_code_of(const char *name);
/* Returns whether it costs no call, or its calls are counted as lost. All others are taken to cost some, unknown ones too. */
bool error_code_is_harmless(enum error_code code);

#endif
