/* SPDX-License-Identifier: Apache-2.0 */
/* container - a walk along a path's names, each held against a table of what engines make. */
#include "event/container.h"

#include <string.h>

#define HEX_LEN 64
#define BUILD_LEN 25 /* of an id that BuildKit makes: 128 random bits in base 36 */

/* This is what an id looks like, where the names around it alone do not tell. */
enum shape {
	SHAPE_HEX,    /* 64 lower-case hex digits */
	SHAPE_BUILD,  /* BUILD_LEN lower-case letters and digits */
	SHAPE_NUMBER, /* digits */
	SHAPE_HANDLE, /* of Garden: below garden, and four groups of hex digits at its beginning */
	SHAPE_NAME,   /* any name */
	SHAPE_UNIT,   /* a name as systemd escapes it in a unit's: \x2d for a hyphen */
};

/* A cgroup's name is prefix, id, suffix, below a cgroup that is called parent. */
struct rule {
	const char *parent; /* NULL: any */
	const char *prefix;
	const char *suffix;
	enum shape shape;
};

static const struct rule rules[] = {
	/* docker, containerd and CRI-O with the cgroupfs driver; ECS below the task */
	{ NULL, "", "", SHAPE_HEX },
	/* with the systemd driver; CRI-O and podman put their name before it in any case */
	{ NULL, "docker-", ".scope", SHAPE_HEX },
	{ NULL, "cri-containerd-", ".scope", SHAPE_HEX },
	{ NULL, "containerd-", ".scope", SHAPE_HEX },
	{ NULL, "nerdctl-", ".scope", SHAPE_HEX },
	{ NULL, "crio-", ".scope", SHAPE_HEX },
	{ NULL, "libpod-", ".scope", SHAPE_HEX },
	{ NULL, "docker-", "", SHAPE_HEX },
	{ NULL, "cri-containerd-", "", SHAPE_HEX },
	{ NULL, "containerd-", "", SHAPE_HEX },
	{ NULL, "nerdctl-", "", SHAPE_HEX },
	{ NULL, "crio-", "", SHAPE_HEX },
	{ NULL, "libpod-", "", SHAPE_HEX },
	/* podman --cgroups=split, as in its units (quadlet) */
	{ NULL, "libpod-payload-", "", SHAPE_HEX },
	/* runc and crun on their own */
	{ NULL, "runc-", ".scope", SHAPE_NAME },
	{ NULL, "crun-", ".scope", SHAPE_NAME },
	/* BuildKit, by itself or in docker */
	{ NULL, "docker-", ".scope", SHAPE_BUILD },
	{ NULL, "buildkit-", ".scope", SHAPE_BUILD },
	{ "buildkit", "", "", SHAPE_BUILD },
	/* Cloud Foundry; those that use too much CPU time are moved to another half */
	{ "garden", "", "", SHAPE_HANDLE },
	{ "good", "", "", SHAPE_HANDLE },
	{ "bad", "", "", SHAPE_HANDLE },
	/* LXC, LXD and Incus; libvirt in its first years */
	{ NULL, "lxc.payload.", "", SHAPE_NAME },
	{ "lxc.payload", "", "", SHAPE_NAME },
	{ "lxc", "", "", SHAPE_NAME },
	{ NULL, "", ".libvirt-lxc", SHAPE_NAME },
	{ NULL, "", ".lxc.libvirt", SHAPE_NAME },
	/* systemd-nspawn (NixOS has units of its own for it), and what is registered with systemd-machined */
	{ NULL, "systemd-nspawn@", ".service", SHAPE_UNIT },
	{ NULL, "container@", ".service", SHAPE_UNIT },
	{ NULL, "machine-", ".scope", SHAPE_UNIT },
	{ NULL, "apptainer-", ".scope", SHAPE_NUMBER },
	{ NULL, "singularity-", ".scope", SHAPE_NUMBER },
	{ "apptainer", "", "", SHAPE_NUMBER },
	{ "singularity", "", "", SHAPE_NUMBER },
	{ "singularity-oci", "", "", SHAPE_NAME },
};

/* Below these are the host's own processes that look after a container, whatever they are called. */
static const char *const outside[] = { "lxc.monitor", "lxc.pivot", "kata_overhead",
				       "kata-overhead.slice" };

struct name {
	const char *at;
	size_t len;
};

/* This is a name and those around it; len 0: there is none. */
struct place {
	struct name self, parent, next;
	bool ecs, garden; /* one above is called so */
};

static bool is(struct name n, const char *text)
{
	return n.len && n.len == strlen(text) && !memcmp(n.at, text, n.len);
}

static bool begins(struct name n, const char *text)
{
	return n.len > strlen(text) && !memcmp(n.at, text, strlen(text));
}

static bool ends(struct name n, const char *text)
{
	size_t len = strlen(text);

	return n.len > len && !memcmp(n.at + n.len - len, text, len);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_lower(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

bool container_char(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z') || (c && strchr("._-:@+", c));
}

static bool all(struct name n, bool (*fits)(char))
{
	for (size_t i = 0; i < n.len; i++) {
		if (!fits(n.at[i]))
			return false;
	}
	return n.len > 0;
}

static bool is_handle(struct name n)
{
	static const char groups[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxx";

	if (n.len < sizeof(groups) - 1 || !all(n, container_char))
		return false;
	for (size_t i = 0; i < sizeof(groups) - 1; i++) {
		if (groups[i] == 'x' ? !is_hex(n.at[i]) : n.at[i] != groups[i])
			return false;
	}
	return true;
}

static bool has_shape(struct name n, enum shape shape)
{
	switch (shape) {
	case SHAPE_HEX:
		return n.len == HEX_LEN && all(n, is_hex);
	case SHAPE_BUILD:
		return n.len == BUILD_LEN && all(n, is_lower);
	case SHAPE_NUMBER:
		return all(n, is_digit);
	case SHAPE_HANDLE:
		return is_handle(n);
	default:
		return all(n, container_char);
	}
}

static unsigned hex_value(char c)
{
	return is_digit(c) ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* Takes systemd's escapes back. out: has room for n.len bytes. */
static struct name unescape(struct name n, char *out)
{
	struct name to = { out, 0 };

	for (size_t i = 0; i < n.len; i++) {
		char c = n.at[i];

		if (c == '\\' && n.len - i >= 4 && n.at[i + 1] == 'x' && is_hex(n.at[i + 2]) &&
		    is_hex(n.at[i + 3])) {
			c = (char)(hex_value(n.at[i + 2]) << 4 | hex_value(n.at[i + 3]));
			i += 3;
		}
		out[to.len++] = c;
	}
	return to;
}

/* libvirt registers its virtual machines by driver, number and name. Such a cgroup holds the emulator, which runs on
 * the host. */
static bool is_virtual(struct name machine)
{
	static const char *const drivers[] = { "qemu-", "ch-", "xen-", "bhyve-" };

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (begins(machine, drivers[i]) && is_digit(machine.at[strlen(drivers[i])]))
			return true;
	}
	return false;
}

/* nspawn's own process is beside its payload; only the scope of a machine without such halves is all payload. */
static bool is_payload(const struct place *p)
{
	return begins(p->self, "machine-") ? !is(p->next, "supervisor") : is(p->next, "payload");
}

/* Returns whether the rule fits. out: room for the name's bytes. */
static bool rule_fits(const struct rule *r, const struct place *p, struct name *id, char *out)
{
	size_t prefix = strlen(r->prefix), suffix = strlen(r->suffix);

	if (r->parent && !is(p->parent, r->parent))
		return false;
	if ((prefix && !begins(p->self, r->prefix)) || (suffix && !ends(p->self, r->suffix)) ||
	    p->self.len <= prefix + suffix)
		return false;
	*id = (struct name){ p->self.at + prefix, p->self.len - prefix - suffix };
	if (r->shape == SHAPE_UNIT) {
		*id = unescape(*id, out);
		if (!is_payload(p) || is_virtual(*id))
			return false;
	}
	return has_shape(*id, r->shape) && (r->shape != SHAPE_HANDLE || p->garden);
}

/* Returns whether it is <slice>:<engine>:<id>, systemd's form handed to the cgroupfs driver. */
static bool colons_fit(const struct place *p, struct name *id)
{
	static const char *const engines[] = { "docker",  "cri-containerd", "containerd",
					       "nerdctl", "crio",	    "libpod" };
	struct name engine;
	const char *colon = p->self.len ? memrchr(p->self.at, ':', p->self.len) : NULL;

	if (!colon || colon == p->self.at)
		return false;
	*id = (struct name){ colon + 1, (size_t)(p->self.at + p->self.len - colon - 1) };
	engine = (struct name){ p->self.at, (size_t)(colon - p->self.at) };
	colon = memrchr(engine.at, ':', engine.len);
	if (colon)
		engine = (struct name){ colon + 1, (size_t)(engine.at + engine.len - colon - 1) };
	if (is(engine, "buildkit"))
		return has_shape(*id, SHAPE_BUILD);
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		if (is(engine, engines[i]))
			return has_shape(*id, SHAPE_HEX);
	}
	return false;
}

/* Returns whether it is Fargate's: below ecs/TASK it is TASK-NUMBER. */
static bool fargate_fits(const struct place *p, struct name *id)
{
	struct name number = { p->self.at + p->parent.len + 1, 0 };

	if (!p->ecs || !p->parent.len || p->self.len < p->parent.len + 2 ||
	    memcmp(p->self.at, p->parent.at, p->parent.len) || p->self.at[p->parent.len] != '-')
		return false;
	number.len = p->self.len - p->parent.len - 1;
	*id = p->self;
	return all(number, is_digit) && all(p->self, container_char);
}

static bool is_outside(struct name n)
{
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		if (is(n, outside[i]))
			return true;
	}
	return false;
}

/* Finds an id. out: room for the name's bytes. */
static bool find_id(const struct place *p, struct name *id, char *out)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rule_fits(&rules[i], p, id, out))
			return true;
	}
	return colons_fit(p, id) || fargate_fits(p, id);
}

/* Returns whether it is user@UID.service, which systemd gives to the user. */
static bool is_users(struct name n)
{
	return begins(n, "user@") && ends(n, ".service");
}

static void add(struct containers *out, struct name id, size_t end)
{
	char *to = out->text + out->text_len;

	memcpy(to, id.at, id.len);
	out->text_len += id.len;
	out->list[out->cnt++] = (struct container){ to, id.len };
	out->end = end;
}

static struct name name_at(const char *at, const char *end)
{
	const char *slash = at < end ? memchr(at, '/', (size_t)(end - at)) : NULL;

	return (struct name){ at, (size_t)((slash ? slash : end) - at) };
}

size_t cgroup_known_len(const char *path, size_t len, bool cut)
{
	const char *gap;

	if (!cut)
		return len;
	gap = len && *path == '/' ? memmem(path, len, CGROUP_GAP, strlen(CGROUP_GAP)) : NULL;
	return gap ? (size_t)(gap - path) : 0;
}

void containers__find(const char *path, size_t path_len, bool cut, struct containers *out)
{
	const char *end = path + cgroup_known_len(path, path_len, cut);
	struct place p = { .next = name_at(path, end) };
	char unescaped[256]; /* no name of a cgroup is longer */
	bool users = false;

	out->cnt = out->end = out->text_len = 0;
	out->cut = cut;
	out->more = false;
	out->claimed = out->service = false;
	while (p.next.at < end && !is_outside(p.self)) {
		struct name id;

		p.parent = p.self;
		p.self = p.next;
		p.next = name_at(p.self.at + p.self.len + 1, end);
		p.ecs |= is(p.parent, "ecs");
		p.garden |= is(p.parent, "garden");
		users |= is_users(p.self);
		out->service |= !users && ends(p.self, ".service");
		if (p.self.len >= sizeof(unescaped) || !find_id(&p, &id, unescaped))
			continue;
		if (out->cnt == CONTAINERS_MAX || id.len > sizeof(out->text) - out->text_len) {
			out->more = true;
			break;
		}
		if (!out->cnt)
			out->claimed = users;
		add(out, id, (size_t)(p.self.at + p.self.len - path));
	}
}
