// SPDX-License-Identifier: BSD-2-Clause
/* The configuration in force, and the next one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/fs.h"
#include "in_force.h"

void in_force_init(struct in_force *f, struct conf *conf)
{
	*f = (struct in_force){ .conf = *conf, .text = -1, .next_text = -1 };
	memset(conf, 0, sizeof(*conf));
}

void in_force_forget(struct in_force *f)
{
	if (f->next_text >= 0)
		close(f->next_text);
	f->next_text = -1;
	conf_done(&f->next);
}

void in_force_done(struct in_force *f)
{
	in_force_forget(f);
	if (f->text >= 0)
		close(f->text);
	f->text = -1;
	conf_done(&f->conf);
}

static int copy(int file, int memory)
{
	char chunk[4096];
	ssize_t n;
	int error = 0;

	while (!error && (n = read(file, chunk, sizeof(chunk))) != 0)
		error = n < 0 ? -errno : fs_write_all(memory, chunk, (size_t)n);
	/* What was checked is what is read. */
	if (!error && fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		error = -errno;
	return error;
}

/* A copy, which does not change when the file does. Its descriptor, or negative errno. */
static int read_text(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), memory, error;

	if (file < 0)
		return -errno;
	memory = memfd_create("configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	error = memory < 0 ? -errno : copy(file, memory);
	close(file);
	if (error && memory >= 0)
		close(memory);
	return error ? error : memory;
}

/* Opened anew: whoever gets it has a position in it that is nobody else's. */
static int give(int text, int *ret_text)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", text);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_text = fd;
	return 0;
}

int in_force_read(struct in_force *f, const char *path, int *ret_text, struct problem *p)
{
	struct conf conf;
	int text = read_text(path), error;

	if (text < 0)
		return problem(p, text, "cannot open configuration %s: %s", path, strerror(-text));
	error = conf_load_open(text, path, &conf, p);
	if (!error && (error = give(text, ret_text))) {
		problem(p, error, "cannot pass configuration %s on: %s", path, strerror(-error));
		conf_done(&conf);
	}
	if (error) {
		close(text);
		return error;
	}
	conf_keep_fixed(&f->conf, &conf, NULL);
	in_force_forget(f);
	f->next = conf;
	f->next_text = text;
	return 0;
}

bool in_force_apply(struct in_force *f)
{
	if (f->next_text < 0)
		return false;
	if (f->text >= 0)
		close(f->text);
	conf_done(&f->conf);
	f->conf = f->next;
	f->text = f->next_text;
	memset(&f->next, 0, sizeof(f->next));
	f->next_text = -1;
	return true;
}

int in_force_text(const struct in_force *f, int *ret_text)
{
	return f->text < 0 ? -ENODATA : give(f->text, ret_text);
}

static bool names(const struct conf *c, const struct selector *s)
{
	for (size_t i = 0; i < c->tenant_count; i++)
		for (size_t k = 0; k < c->tenants[i].selector_count; k++)
			if (selector_equal(&c->tenants[i].selectors[k], s))
				return true;
	return false;
}

bool in_force_names(const struct in_force *f, const struct selector *s)
{
	return names(&f->conf, s) || names(&f->next, s);
}
