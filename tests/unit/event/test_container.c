/* SPDX-License-Identifier: Apache-2.0 */
/* test_container - paths as engines make them, and what they name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bpf/event.h"
#include "event/container.h"

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define C "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define BUILD "5cf82fwiumld3vcs5d5l5pzyv"
#define TASK "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
#define BURSTABLE \
	"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1a2b3c4d_0000.slice/"
#define USER "/user.slice/user-1000.slice/user@1000.service/"

struct path_case {
	const char *path;
	const char *ids; /* with a space between two; "": none */
};

static const struct path_case paths[] = {
	/* docker: cgroupfs, systemd, rootless; its payload may have cgroups of its own */
	{ "/docker/" A, A },
	{ "/docker/" A "/init.scope", A },
	{ "/docker-ce/docker/" A, A },
	{ "/system.slice/docker-" A ".scope", A },
	{ "/system.slice/docker-" A ".scope/system.slice/ssh.service", A },
	{ USER "user.slice/docker-" A ".scope", A },
	/* containerd: below its namespace */
	{ "/default/" A, A },
	{ "/k8s.io/" A, A },
	{ "/moby/" A, A },
	{ "/system.slice/nerdctl-" A ".scope", A },
	{ USER "user.slice/nerdctl-" A ".scope", A },
	/* Kubernetes: each class, each driver, each engine */
	{ BURSTABLE "cri-containerd-" A ".scope", A },
	{ BURSTABLE "crio-" A ".scope", A },
	{ BURSTABLE "crio-" A ".scope/container", A },
	{ BURSTABLE "docker-" A ".scope", A },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1a2b_3c.slice/cri-containerd-" A
	  ".scope",
	  A },
	{ "/kubepods.slice/kubepods-pod1a2b3c4d_5e6f.slice/crio-" A ".scope", A },
	{ "/kubepods/burstable/pod1a2b-3c/" A, A },
	{ "/kubepods/besteffort/pod1a2b-3c/" A, A },
	{ "/kubepods/pod1a2b-3c/crio-" A, A },
	{ "/kubepods/kubepods/besteffort/pod" TASK "/" A, A },
	{ "/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:" A, A },
	{ BURSTABLE, "" },
	/* podman: scopes, split as in quadlet's units, pods, rootless, without systemd */
	{ "/machine.slice/libpod-" A ".scope", A },
	{ "/machine.slice/libpod-" A ".scope/container", A },
	{ "/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope/container", A },
	{ "/system.slice/quadlet-minimal.service/libpod-payload-" A, A },
	{ "/srv.slice/container-web.service/libpod-payload-" A "/init.scope", A },
	{ "/system.slice/quadlet-minimal.service/runtime", "" },
	{ USER "user.slice/libpod-" A ".scope/container", A },
	{ USER "app.slice/web.service/libpod-payload-" A, A },
	{ "/libpod_parent/libpod-" A, A },
	/* its monitors are outside */
	{ "/libpod_parent/libpod-conmon-" A, "" },
	{ "/machine.slice/libpod-conmon-" A ".scope", "" },
	{ BURSTABLE "crio-conmon-" A ".scope", "" },
	/* runc and crun */
	{ "/system.slice/runc-web.1.scope", "web.1" },
	{ USER "user.slice/crun-box.scope", "box" },
	/* BuildKit */
	{ "/docker/buildkit/" BUILD, BUILD },
	{ "/buildkit/" BUILD, BUILD },
	{ "/system.slice/docker-" BUILD ".scope", BUILD },
	{ "/system.slice/buildkit-" BUILD ".scope", BUILD },
	{ "/system.slice/buildkit.service/system.slice:buildkit:" BUILD, BUILD },
	{ "/system.slice/buildkit.service", "" },
	{ "/buildkit/cache", "" },
	/* ECS, and Fargate, where there is no other id */
	{ "/ecs/" TASK "/" A, A },
	{ "/ecs/3a1f-bd3b/" A, A },
	{ "/ecs/cluster/" TASK "/" A, A },
	{ "/ecstasks.slice/ecstasks-" TASK ".slice/docker-" A ".scope", A },
	{ "/ecs/" TASK "/" TASK "-4069739021", TASK "-4069739021" },
	{ "/ecs/cluster/" TASK "/" TASK "-1", TASK "-1" },
	{ "/ecs/" TASK, "" },
	{ "/ecs/" TASK "/" TASK "-", "" },
	{ "/ecs/" TASK "/" TASK "-1a", "" },
	{ "/other/" TASK "/" TASK "-1", "" },
	/* Garden */
	{ "/garden/6f265890-5165-7fab-6b52-18d1", "6f265890-5165-7fab-6b52-18d1" },
	{ "/system.slice/garden.service/garden/6f265890-5165-7fab-6b52-18d1",
	  "6f265890-5165-7fab-6b52-18d1" },
	{ "/system.slice/garden.service/garden/bad/2f57368b-0eda-4e52-64d8-af5c",
	  "2f57368b-0eda-4e52-64d8-af5c" },
	{ "/garden/good/2f57368b-0eda-4e52-64d8-af5c/init", "2f57368b-0eda-4e52-64d8-af5c" },
	{ "/garden/c034152c-80b0-4a44-70df-5c61-liveness-healthcheck-0",
	  "c034152c-80b0-4a44-70df-5c61-liveness-healthcheck-0" },
	{ "/garden/9a913249-311a-484a-82c2-951c04cece90", "9a913249-311a-484a-82c2-951c04cece90" },
	{ "/garden/good", "" },
	{ "/system.slice/garden.service", "" },
	{ "/good/2f57368b-0eda-4e52-64d8-af5c", "" },
	/* LXC, LXD, Incus, Proxmox */
	{ "/lxc.payload.web1", "web1" },
	{ "/lxc.payload.project_web-1/init.scope", "project_web-1" },
	{ "/lxc.payload/web1", "web1" },
	{ "/lxc/web1", "web1" },
	{ "/lxc/101/ns/system.slice/ssh.service", "101" },
	{ "/user.slice/user-1000.slice/session-2.scope/lxc/web1", "web1" },
	{ "/lxc.monitor.web1", "" },
	{ "/lxc.monitor/web1", "" },
	{ "/lxc.monitor/" A, "" },
	{ "/lxc.monitor.web1/lxc/web1", "web1" },
	{ "/lxc.pivot", "" },
	{ "/lxc", "" },
	{ "/lxc.payload", "" },
	/* systemd-nspawn and machined */
	{ "/machine.slice/systemd-nspawn@web1.service/payload", "web1" },
	{ "/machine.slice/systemd-nspawn@web1.service/payload/system.slice/ssh.service", "web1" },
	{ "/machine.slice/systemd-nspawn@a\\x2db.service/payload", "a-b" },
	{ "/machine.slice/systemd-nspawn@web1.service/supervisor", "" },
	{ "/machine.slice/systemd-nspawn@web1.service", "" },
	{ "/machine.slice/container@web1.service/payload/init.scope", "web1" },
	{ "/machine.slice/container@web1.service/supervisor", "" },
	{ "/machine.slice/machine-web1.scope", "web1" },
	{ "/machine.slice/machine-a\\x2db.scope/payload/init.scope", "a-b" },
	{ "/machine.slice/machine-a\\x2db.scope/supervisor", "" },
	{ "/machine.slice/machine-a\\x2fb.scope", "" },
	{ "/machine.slice/machine-a\\xzz.scope", "" },
	/* libvirt: its containers are, its virtual machines are not */
	{ "/machine.slice/machine-lxc\\x2d12345\\x2ddemo.scope", "lxc-12345-demo" },
	{ "/machine.slice/machine-lxc\\x2d50642\\x2dk8s\\x2dcp.scope/libvirt/system.slice/crio.service",
	  "lxc-50642-k8s-cp" },
	{ "/machine.slice/auto_sirius.libvirt-lxc", "auto_sirius" },
	{ "/machine/demo.libvirt-lxc", "demo" },
	{ "/system/demo.lxc.libvirt", "demo" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/vcpu0", "" },
	{ "/machine/vm.libvirt-qemu", "" },
	{ "/machine.slice/machine-qemuless.scope", "qemuless" },
	/* apptainer and singularity, where they make a cgroup */
	{ "/system.slice/apptainer-12345.scope", "12345" },
	{ USER "user.slice/singularity-77.scope", "77" },
	{ "/apptainer/12345", "12345" },
	{ "/singularity/12345", "12345" },
	{ "/singularity-oci/box", "box" },
	{ "/apptainer/web", "" },
	/* Kata: what is beside the virtual machine is the host's */
	{ "/kata_overhead/" A, "" },
	{ "/kata_overhead/kubepods/besteffort/pod1a2b/" A, "" },
	{ "/kata-overhead.slice/runtime-rs-" A ".scope", "" },
	/* one in another: kind, docker in docker, LXC in a virtual machine's neighbour */
	{ "/docker/" A "/docker/" B, A " " B },
	{ "/system.slice/docker-" A ".scope/kubelet.slice/kubelet-kubepods.slice/"
	  "kubelet-kubepods-pod1a2b.slice/cri-containerd-" B ".scope",
	  A " " B },
	{ "/lxc.payload.web1/system.slice/docker-" B ".scope", "web1 " B },
	{ "/machine.slice/machine-a\\x2db.scope/payload/lxc.payload.c/docker/" C, "a-b c " C },
	{ "/docker/" A "/libpod-conmon-" B ".scope", A },
	{ "/docker/" A "/lxc.monitor.x", A },
	/* what is none */
	{ "/", "" },
	{ "", "" },
	{ "/user.slice/user-1000.slice/session-3.scope", "" },
	{ USER "app.slice/app-flatpak-org.x-1234.scope", "" },
	{ "/system.slice/docker.service", "" },
	{ "/process_api/" TASK, "" },
	{ "/docker/" A "0", "" },
	{ "/docker/0123456789abcdef", "" },
	{ "/docker/x" A, "" },
	{ "/docker-" A ".scopes", "" },
	{ "/docker-" A "-x.scope", "" },
	{ "/evil-" A ".scope", "" },
	{ "/-" A ".scope", "" },
	{ "/xdocker-" A ".scope", "" },
	{ "/docker-0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef.scope", "" },
	{ "/a:evil:" A, "" },
	{ "/lxc.payload.", "" },
	{ "/lxc.payload.a b", "" },
	{ "/lxc.payload.\xff", "" },
};

/* Joins the ids in one string. */
static void join(const struct containers *c, char *out, size_t sz)
{
	size_t len = 0;

	for (size_t i = 0; i < c->cnt; i++) {
		assert_true(len + c->list[i].len + 2 < sz);
		if (i)
			out[len++] = ' ';
		memcpy(out + len, c->list[i].id, c->list[i].len);
		len += c->list[i].len;
	}
	out[len] = '\0';
}

/* Looks in a copy that is followed by other bytes and has no byte to spare. */
static void find(const char *path, bool cut, struct containers *c, char *ids, size_t sz)
{
	size_t len = strlen(path);
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, path, len);
	containers__find(copy, len, cut, c);
	free(copy);
	join(c, ids, sz);
}

static void test_paths(void **state)
{
	struct containers c;
	char ids[512];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		find(paths[i].path, false, &c, ids, sizeof(ids));
		if (strcmp(ids, paths[i].ids))
			fail_msg("%s: '%s' instead of '%s'", paths[i].path, ids, paths[i].ids);
	}
}

/* Of a path that lacks names, only what lies before them was looked at. */
static void test_cut(void **state)
{
	static const struct path_case cases[] = {
		{ "/docker/" A CGROUP_GAP "x/y", A },
		{ "/docker/" A CGROUP_GAP "docker/" B, A },
		{ "/docker/" A "/docker/" B CGROUP_GAP "docker/" C, A " " B },
		{ "/user.slice/a" CGROUP_GAP "docker/" B, "" },
		{ "/docker" CGROUP_GAP A, "" },
		{ "[...]/docker-" A ".scope", "" },
		{ "[...]/docker/" A CGROUP_GAP "x", "" },
	};
	struct containers c;
	char ids[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		find(cases[i].path, true, &c, ids, sizeof(ids));
		assert_string_equal(ids, cases[i].ids);
		assert_true(c.cut);
	}
}

static void test_whose(void **state)
{
	static const struct {
		const char *path;
		bool claimed, service;
		size_t end;
	} cases[] = {
		{ "/docker/" A "/init.scope", false, false, 72 },
		{ "/system.slice/ssh.service", false, true, 0 },
		{ "/system.slice/ssh.service/sub", false, true, 0 },
		{ "/system.slice/q.service/libpod-payload-" A, false, true, 38 + 65 },
		{ USER "docker-" A ".scope", true, false, sizeof(USER) - 1 + 77 },
		{ USER "app.slice/x.service", false, false, 0 },
		/* The user's manager is one that runs in a container. */
		{ "/docker/" A USER "docker-" B ".scope", false, false,
		  72 + sizeof(USER) - 1 + 77 },
		{ "/user.slice/user-1000.slice/session-3.scope", false, false, 0 },
	};
	struct containers c;
	char ids[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		find(cases[i].path, false, &c, ids, sizeof(ids));
		if (c.claimed != cases[i].claimed || c.service != cases[i].service ||
		    c.end != cases[i].end)
			fail_msg("%s: claimed %d service %d end %zu", cases[i].path, c.claimed,
				 c.service, c.end);
	}
}

/* There are more than there is room for, and a path of the greatest length. */
static void test_many(void **state)
{
	static char path[PVM_PATH_MAX + 512];
	struct containers c;
	size_t len = 0;

	(void)state;
	while (len + 16 < sizeof(path)) {
		memcpy(path + len, "/lxc.payload.abc", 16);
		len += 16;
	}
	containers__find(path, len, false, &c);
	assert_int_equal(c.cnt, CONTAINERS_MAX);
	assert_int_equal(c.end, 16 * CONTAINERS_MAX);
	assert_true(c.more);
	/* Long ones are fewer. */
	memset(path, 'a', sizeof(path));
	for (len = 0; len + 250 < sizeof(path); len += 250)
		memcpy(path + len, "/lxc.payload.", 13);
	containers__find(path, len, false, &c);
	assert_int_equal(c.cnt, CONTAINERS_TEXT_MAX / 237);
	assert_true(c.more);
	memset(path, 'a', sizeof(path));
	memcpy(path, "/lxc.payload.", 13);
	containers__find(path, sizeof(path), false, &c);
	assert_int_equal(c.cnt, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
