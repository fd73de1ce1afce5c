/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - loads each program of an object by itself and tells, a line each, what the verifier said of it;
 * of one that it refuses, the end of its log. verify FILE [SETTING]...; a setting (bpf/settings.h: cfg_...) becomes true.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#define NAMES 64 /* programs, and bytes of a name */
#define LOG_SIZE (16u << 20)
#define LAST_LINES 25

static char names[NAMES][NAMES];
static char log_text[LOG_SIZE];

static int silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

/* Where the last cnt lines begin. */
static const char *last_lines(const char *text, int cnt)
{
	const char *p = text + strlen(text);

	while (p > text) {
		if (p[-1] == '\n' && cnt-- == 0)
			break;
		p--;
	}
	return p;
}

/* Settings are bytes or small numbers of little-endian machines in .rodata. */
static int set_true(struct bpf_object *obj, const char *setting)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".rodata");
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *section;
	const struct btf_var_secinfo *var;
	size_t size;
	char *data;
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);

	data = map ? (char *)bpf_map__initial_value(map, &size) : NULL;
	if (!data || id < 0)
		return -1;
	section = btf__type_by_id(btf, (__u32)id);
	var = btf_var_secinfos(section);
	for (int i = 0; i < btf_vlen(section); i++, var++) {
		const struct btf_type *type = btf__type_by_id(btf, var->type);

		if (strcmp(btf__name_by_offset(btf, type->name_off), setting) != 0)
			continue;
		data[var->offset] = 1;
		return 0;
	}
	return -1;
}

/* The program of this name only. Level 4: statistics; 1: the log, which of a good program can be too long. */
static int verify(char **argv, const char *name, unsigned int level)
{
	struct bpf_object *obj = bpf_object__open_file(argv[1], NULL);
	struct bpf_program *prog;
	int err;

	log_text[0] = '\0';
	if (!obj)
		return -1;
	for (char **setting = argv + 2; *setting; setting++) {
		if (set_true(obj, *setting)) {
			fprintf(stderr, "verify: no setting %s\n", *setting);
			bpf_object__close(obj);
			return -1;
		}
	}
	bpf_object__for_each_program(prog, obj) {
		bool wanted = !strcmp(bpf_program__name(prog), name);

		bpf_program__set_autoload(prog, wanted);
		if (wanted) {
			bpf_program__set_log_buf(prog, log_text, LOG_SIZE);
			bpf_program__set_log_level(prog, level);
		}
	}
	err = bpf_object__load(obj);
	bpf_object__close(obj);
	return err;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	struct bpf_program *prog;
	int cnt = 0, failed = 0;

	libbpf_set_print(silent);
	obj = argc >= 2 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!obj) {
		fprintf(stderr, "verify: no object\n");
		return 64;
	}
	bpf_object__for_each_program(prog, obj)
		if (cnt < NAMES)
			snprintf(names[cnt++], NAMES, "%s", bpf_program__name(prog));
	bpf_object__close(obj);
	for (int i = 0; i < cnt; i++) {
		int err = verify(argv, names[i], 4);

		if (err) {
			failed = 1;
			verify(argv, names[i], 1);
		}
		printf("%s %d %s", names[i], err, last_lines(log_text, err ? LAST_LINES : 1));
	}
	return failed;
}
