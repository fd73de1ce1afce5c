/* SPDX-License-Identifier: Apache-2.0 */
#include "event/error_code.h"

#include <string.h>

static const struct {
	const char *name;
	bool harmless;
} codes[ERROR_UNKNOWN] = {
	[ERROR_HOOKS_SILENT] = { "hooks_silent", false },
	[ERROR_HOOKS_BACK] = { "hooks_back", true },
	[ERROR_HOOKS_SKIPPED] = { "hooks_skipped", false },
	[ERROR_CONFIRMS_SILENT] = { "confirms_silent", true },
	[ERROR_CONFIRMS_BACK] = { "confirms_back", true },
	[ERROR_AUDIT_SILENT] = { "audit_silent", false },
	[ERROR_AUDIT_BACK] = { "audit_back", true },
	[ERROR_AUDIT_LOST] = { "audit_lost", false },
	[ERROR_TAMPERED] = { "tampered", false },
	[ERROR_STALLED] = { "stalled", true },
	[ERROR_CALLER_GONE] = { "caller_gone", true },
	[ERROR_TARGET_GONE] = { "target_gone", true },
	[ERROR_WANTED_REPLACED] = { "wanted_replaced", false },
	[ERROR_WANTED_CHANGED] = { "wanted_changed", true },
	[ERROR_EXCLUDED_REPLACED] = { "excluded_replaced", true },
	[ERROR_OUTPUT_FAILING] = { "output_failing", true },
	[ERROR_OUTPUT_REPLACED] = { "output_replaced", false },
	[ERROR_OUTPUT_ACCESS] = { "output_access", true },
	[ERROR_ROTATION_FAILED] = { "rotation_failed", true },
};

const char *error_code_name(enum error_code code)
{
	return code < ERROR_UNKNOWN ? codes[code].name : NULL;
}

enum error_code error_code_of(const char *name)
{
	enum error_code code = ERROR_HOOKS_SILENT;

	while (code < ERROR_UNKNOWN && strcmp(codes[code].name, name) != 0)
		code++;
	return code;
}

bool error_code_is_harmless(enum error_code code)
{
	return code < ERROR_UNKNOWN && codes[code].harmless;
}
