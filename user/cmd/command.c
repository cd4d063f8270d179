// SPDX-License-Identifier: BSD-2-Clause
/* What the verbs share. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "command.h"
#include "control/client.h"
#include "control/link.h"

int command_fail(int status, const struct problem *p)
{
	log_error("%s", p->text);
	return status;
}

int command_status_of(int error)
{
	if (error == -EBADMSG || error == -ENOTSUP || error == -ENODATA)
		return EXIT_DAMAGED;
	return error == -EINVAL ? EXIT_USAGE : EXIT_NO;
}

/* --- The recorder --- */

int command_ask(const struct command *c, json_t *request, json_t **ret_answer, struct problem *p)
{
	if (!c->served)
		return client_call(c->conf.run_dir, request, ret_answer, p);
	return link_call_for(c->served->link_fd, &c->who, request, ret_answer, p);
}

int command_answer_status(const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const json_t *status = json_object_get(answer, "status");

	if (error)
		log_error("%s", error);
	return json_is_integer(status) ? (int)json_integer_value(status) : EXIT_NO;
}

int command_ask_verb(const struct command *c, const char *verb, json_t **ret_answer)
{
	struct problem p;
	int error, status;

	if (c->store_path) {
		problem(&p, 0, "%s is about a running sekishod (-c FILE), not --store", verb);
		return command_fail(EXIT_USAGE, &p);
	}
	error = command_ask(c, json_pack("{s:s}", "verb", verb), ret_answer, &p);
	if (error)
		return command_fail(error == -ECONNREFUSED ? EXIT_NO_DAEMON : EXIT_NO, &p);
	status = command_answer_status(*ret_answer);
	if (status)
		json_decref(*ret_answer);
	return status;
}

/* --- The store --- */

int command_open_store(const struct command *c, struct store_dir *ret_store, struct problem *p)
{
	return store_open(c->store_path ? c->store_path : c->conf.state_dir, 0, ret_store, p);
}

/* --- Files of the client --- */

/* The descriptor that came for this value; -1: none did. It is told by where it stands in argv. */
static int file_of(const struct served *s, const char *path)
{
	for (size_t i = 0; i < s->request->file_count; i++) {
		const char *arg = s->request->argv[s->request->file_args[i]];

		if (path >= arg && path <= arg + strlen(arg))
			return s->files[i];
	}
	return -1;
}

int command_map_file(const struct command *c, const char *path, size_t max, struct mapped_file *ret_file)
{
	int fd;

	if (!c->served)
		return fs_map(AT_FDCWD, path, max, ret_file);
	fd = file_of(c->served, path);
	return fd < 0 ? -EBADF : fs_map_fd(fd, max, ret_file);
}

FILE *command_open_file(const struct command *c, const char *path, struct problem *p)
{
	int fd = c->served ? file_of(c->served, path) : open(path, O_RDONLY | O_CLOEXEC);
	FILE *file;

	if (c->served && fd < 0) {
		problem(p, -EBADF, "cannot open %s: it did not come with the request", path);
		return NULL;
	}
	if (c->served)
		fd = dup(fd);
	file = fd < 0 ? NULL : fdopen(fd, "re");
	if (!file) {
		problem(p, -errno, "cannot open %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	return file;
}

/* --- Rights --- */

int command_admit_tenant(const struct command *c, const char *tenant)
{
	struct problem p;

	if (!c->served || !c->served->own || roles_owns(&c->who, &c->conf, tenant))
		return 0;
	if (tenant)
		problem(&p, 0, "tenant %s has another owner than uid %u", tenant, c->who.uid);
	else
		problem(&p, 0, "name the tenant: only its own is for uid %u", c->who.uid);
	return command_fail(EXIT_REFUSED, &p);
}

const char *command_language(void)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	const char *value = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !(value && *value); i++)
		value = getenv(names[i]);
	return value && strncmp(value, "ja", 2) == 0 ? "ja" : "en";
}
