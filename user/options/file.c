/* SPDX-License-Identifier: Apache-2.0 */
/* file - the configuration file: a long option a line, and its value after blanks, '=' or both. */
#include "options/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define FILE_MAX (256u << 10)
#define ERRORS_MAX 10 /* wrong lines that are said */
#define BLANKS " \t\r"
#define BOM "\xef\xbb\xbf"

/* Opens only what can be read at once: a FIFO would wait for its writer. Returns -errno, with *why where it says more. */
static int open_file(const char *path, const char **why)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		err = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		*why = "is not a regular file";
		err = -EINVAL;
	}
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Reads it into text, which has room for FILE_MAX + 1 bytes. Returns the length, or -errno. */
static ssize_t read_all(int fd, char *text)
{
	size_t len = 0;

	while (len <= FILE_MAX) {
		ssize_t n = read(fd, text + len, FILE_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* Returns the whole file, with a NUL after it, to be freed by the caller; or NULL after a message. */
static char *load(const char *path, size_t *len)
{
	const char *why = NULL;
	int fd = open_file(path, &why);
	ssize_t n = fd;
	char *text = NULL;

	if (fd >= 0) {
		text = malloc(FILE_MAX + 2);
		n = text ? read_all(fd, text) : -ENOMEM;
		close(fd);
	}
	if (n > (ssize_t)FILE_MAX)
		why = "is larger than 256 KiB";
	if (n >= 0 && !why) {
		*len = (size_t)n;
		text[n] = '\0';
		return text;
	}
	if (why)
		log__error("--config: '%.200s' %s", path, why);
	else
		log__error("--config: '%.200s' cannot be read: %s", path, strerror((int)-n));
	free(text);
	return NULL;
}

static const struct option_def *find_name(const char *name)
{
	for (size_t i = 0; i < options_table_cnt; i++) {
		if (!strcmp(options_table[i].name, name))
			return &options_table[i];
	}
	return strcmp(option_rule.name, name) ? NULL : &option_rule;
}

/* Returns the row that a name stands for, if a file may have it; NULL after a message. */
static const struct option_def *accept_name(const struct option_parse *p, const char *name)
{
	const struct option_def *d = find_name(name);
	bool in_rule = d && p->has_rules && d->group != GROUP_FILTER;

	if (d && !d->command_only && !in_rule)
		return d;
	if (d && !d->command_only)
		log__error("'%s' is no filter: it stands before the first rule", name);
	else if (d)
		log__error("'%s' is for the command line only", name);
	else if (!strncmp(name, "-", 1))
		log__error("'%.200s' is not an option: here they are written without dashes", name);
	else
		log__error("'%.200s' is not an option; see pvmtrace --help for the long ones",
			   name);
	return NULL;
}

static bool is_quoted(const char *value)
{
	size_t len = strlen(value);

	return len >= 2 && value[0] == '"' && value[len - 1] == '"';
}

/* Returns whether a comment could be meant: a # at the beginning or behind a blank, but not within quotes around the whole
 * value. */
static bool has_comment(const char *value)
{
	const char *p = value;

	if (is_quoted(value)) {
		/* In "a" # "b" they are not around the whole. */
		p = strchr(value + 1, '"') + 1;
		p += strspn(p, BLANKS);
		return *p == '#';
	}
	for (; (p = strchr(p, '#')); p++)
		if (p == value || strchr(BLANKS, p[-1]))
			return true;
	return false;
}

/* Returns what of a value could be meant in another way than it would be taken, or NULL. */
static const char *ambiguous(const char *value)
{
	if (has_comment(value))
		return "a comment stands on a line of its own, which begins with #; a value that "
		       "begins with a #, or has one after a blank, stands in \"quotes\"";
	if (strchr(value, '"') && !is_quoted(value))
		return "the quotes are not around the whole value: they stand at its begin and at "
		       "its end, or nowhere; what is between these two may hold others";
	return NULL;
}

/* Returns it without the quotes, if it is in some: they keep blanks at the ends, and nothing within them is special. */
static char *unquote(char *value)
{
	if (!is_quoted(value))
		return value;
	value[strlen(value) - 1] = '\0';
	return value + 1;
}

/* Cuts "name value", "name=value" or "name" (value NULL) in two, the value still in its quotes. */
static void split(char *line, char **name, char **value)
{
	char *p = line + strcspn(line, BLANKS "=");
	bool equals;

	*name = line;
	*value = NULL;
	if (!*p)
		return;
	equals = *p == '=';
	*p++ = '\0';
	p += strspn(p, BLANKS);
	if (!equals && *p == '=') {
		p++;
		p += strspn(p, BLANKS);
	}
	*value = p;
}

bool options__is_control(const char *at)
{
	const unsigned char *c = (const unsigned char *)at;

	/* U+0080 to U+009F are among them too: some terminals take U+009B for ESC [. */
	return (c[0] < ' ' && c[0] != '\t') || c[0] == 0x7f ||
	       (c[0] == 0xc2 && (c[1] & 0xe0) == 0x80);
}

/* Returns what is wrong with the bytes of a line, or NULL. */
static const char *ill_formed(const char *line, size_t len)
{
	if (len > OPTION_LINE_MAX)
		return "is longer than 8192 bytes";
	if (memchr(line, '\0', len))
		return "holds a NUL byte";
	for (size_t i = 0; i < len; i++) {
		if (options__is_control(line + i))
			return "holds a control character";
	}
	return NULL;
}

/* Takes a line. line[len] may be written to. */
static int take_line(struct option_parse *p, char *line, size_t len, unsigned number)
{
	struct option_setting s = { .line = number };
	const char *wrong;
	char *name, *value;
	int err;

	while (len && strchr(BLANKS, line[len - 1]) && line[len - 1])
		len--;
	wrong = ill_formed(line, len);
	if (wrong) {
		log__error("the line %s", wrong);
		return EX_CONFIG;
	}
	line[len] = '\0';
	line += strspn(line, BLANKS);
	if (!*line || *line == '#')
		return 0;
	split(line, &name, &value);
	s.def = accept_name(p, name);
	if (!s.def)
		return EX_CONFIG;
	wrong = value ? ambiguous(value) : NULL;
	if (wrong) {
		log__error("%s: %s", name, wrong);
		return EX_CONFIG;
	}
	if (value)
		value = unquote(value);
	s.value = value;
	if (!s.def->arg != !value) {
		log__error("%s: %s%s%s", name, value ? "takes no value, but '" : "the value (",
			   value ? value : s.def->arg, value ? "' was given" : ") is missing");
		return EX_CONFIG;
	}
	err = option__set(p, s.def, value);
	if (err)
		return err == EX_USAGE ? EX_CONFIG : err;
	return option__note(p, &s);
}

int options_file__read(struct option_parse *p, const char *path)
{
	char *text, *line, *end, about[256];
	unsigned number = 0, wrong = 0;
	int err = 0;
	size_t len;

	text = load(path, &len);
	if (!text)
		return EX_CONFIG;
	p->o->config_text = text;
	line = text + (strncmp(text, BOM, strlen(BOM)) ? 0 : strlen(BOM));
	for (; line < text + len && wrong < ERRORS_MAX; line = end + 1) {
		int line_err;

		end = memchr(line, '\n', (size_t)(text + len - line));
		if (!end)
			end = text + len;
		snprintf(about, sizeof(about), "%.200s:%u: ", path, ++number);
		log__about(about);
		line_err = take_line(p, line, (size_t)(end - line), number);
		wrong += line_err != 0;
		err = err ? err : line_err;
	}
	log__about(NULL);
	return err ? err : options_rules__check(p, path);
}
