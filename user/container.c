/* SPDX-License-Identifier: Apache-2.0 */
/* container - finds the container id in a cgroup path, as the runtimes of our day name their
 * cgroups. */
#include <string.h>

#include "identity.h"

#define ID_LEN 64

static bool is_id(const char *s, size_t len)
{
	if (len != ID_LEN)
		return false;
	for (size_t i = 0; i < ID_LEN; i++) {
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
	}
	return true;
}

/* Who puts its name before the id. The runtimes' monitors (crio-conmon-, libpod-conmon-) are not
 * inside the container, and do not match. */
static bool is_runtime(const char *s, size_t len)
{
	static const char *const names[] = {
		"docker", "cri-containerd", "containerd", "crio", "libpod", "nerdctl",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len && !memcmp(names[i], s, len))
			return true;
	}
	return false;
}

/*
 * One component of the path: "<id>", "<runtime>-<id>", "<runtime>-<id>.scope" (systemd driver), or
 * "<slice>:<runtime>:<id>" (systemd's form handed to the cgroupfs driver). Returns the id or NULL.
 */
static const char *component_id(const char *s, size_t len)
{
	static const char scope[] = ".scope";
	const size_t scope_len = sizeof(scope) - 1;
	const char *id, *name;
	char sep;

	if (is_id(s, len))
		return s;
	if (len > scope_len && !memcmp(s + len - scope_len, scope, scope_len))
		len -= scope_len;
	if (len < ID_LEN + 2 || !is_id(s + len - ID_LEN, ID_LEN))
		return NULL;
	id = s + len - ID_LEN;
	sep = id[-1];
	len -= ID_LEN + 1;
	if (sep == '-')
		return is_runtime(s, len) ? id : NULL;
	if (sep != ':')
		return NULL;
	name = memrchr(s, ':', len);
	name = name ? name + 1 : s;
	return is_runtime(name, (size_t)(s + len - name)) ? id : NULL;
}

const char *container_id(const char *path, size_t path_len, size_t *len)
{
	const char *name = path, *end = path + path_len;

	/* From the root: of nested containers the outermost is the one that the host's runtime made; what is below may
	 * be a name that its root chose. */
	while (name < end) {
		const char *slash = memchr(name, '/', (size_t)(end - name));
		const char *id = component_id(name, (size_t)((slash ? slash : end) - name));

		if (id) {
			*len = ID_LEN;
			return id;
		}
		name = slash ? slash + 1 : end;
	}
	*len = 0;
	return NULL;
}
