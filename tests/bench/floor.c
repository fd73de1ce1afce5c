/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor - attaches the programs of floor.bpf.c whose names begin with floor_NAME_, says "ready", reads their
 * ring every millisecond without looking at what is in it, and tells at the end how much that was.
 * floor OBJECT empty|minimal
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define RING_RECORDS 40000 /* more than the ring has room for */

static volatile sig_atomic_t stop;
static int last_look = RING_RECORDS;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int count_record(void *ctx, void *data, size_t size)
{
	unsigned long long *records = ctx;

	(void)data;
	(void)size;
	++*records;
	/* A flood would keep us here for ever; what is in the ring by then is still counted. */
	return stop && !last_look-- ? -ECANCELED : 0;
}

static int choose(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog;
	char prefix[64];
	int chosen = 0, wanted;

	snprintf(prefix, sizeof(prefix), "floor_%s_", name);
	bpf_object__for_each_program(prog, obj) {
		wanted = !strncmp(bpf_program__name(prog), prefix, strlen(prefix));
		bpf_program__set_autoload(prog, wanted);
		chosen += wanted;
	}
	return chosen ? 0 : -ENOENT;
}

static int attach(struct bpf_object *obj)
{
	struct bpf_program *prog;
	int err;

	err = bpf_object__load(obj);
	if (err)
		return err;
	bpf_object__for_each_program(prog, obj) {
		/* The link lives as long as this process. */
		if (bpf_program__autoload(prog) && !bpf_program__attach(prog))
			return -errno;
	}
	return 0;
}

static unsigned long long dropped(struct bpf_object *obj)
{
	int fd = bpf_object__find_map_fd_by_name(obj, "floor.bss"), key = 0;
	unsigned long long value = 0;

	if (fd < 0 || bpf_map_lookup_elem(fd, &key, &value))
		return 0;
	return value;
}

static int serve(struct bpf_object *obj)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	unsigned long long records = 0;
	struct ring_buffer *ring;

	ring = ring_buffer__new(bpf_object__find_map_fd_by_name(obj, "floor_ring"), count_record,
				&records, NULL);
	if (!ring)
		return -errno;
	puts("ready");
	fflush(stdout);
	while (!stop) {
		ring_buffer__consume(ring);
		nanosleep(&nap, NULL);
	}
	ring_buffer__consume(ring);
	printf("{\"records\":%llu,\"dropped\":%llu}\n", records, dropped(obj));
	ring_buffer__free(ring);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct bpf_object *obj;
	int err;

	if (argc != 3) {
		fprintf(stderr, "floor OBJECT empty|minimal\n");
		return 64;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	libbpf_set_print(quiet);
	obj = bpf_object__open(argv[1]);
	if (!obj) {
		fprintf(stderr, "floor: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	err = choose(obj, argv[2]);
	if (!err)
		err = attach(obj);
	if (!err)
		err = serve(obj);
	if (err)
		fprintf(stderr, "floor: %s: %s\n", argv[2], strerror(-err));
	bpf_object__close(obj);
	return err ? 1 : 0;
}
