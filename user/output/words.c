// SPDX-License-Identifier: BSD-2-Clause
/* Words for kinds, protocols and flags. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include "query/reasons.h"
#include "schema/event.h"
#include "words.h"

const char *kind_text(uint8_t kind)
{
	switch (kind) {
	case SEKISHO_KIND_ESTABLISHED:
		return "established";
	case SEKISHO_KIND_ACCEPTED:
		return "accepted";
	case SEKISHO_KIND_CLOSE:
		return "close";
	default:
		return "unknown";
	}
}

const char *protocol_text(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : "unknown";
}

const char *flags_text(uint32_t flags, char buf[static FLAGS_TEXT_MAX])
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{ SEKISHO_FLAG_V6_SOCKET, "v6_socket" },
		{ SEKISHO_FLAG_LOOPBACK, "loopback" },
		{ SEKISHO_FLAG_CLOCK_UNSYNC, "clock_unsync" },
		{ SEKISHO_FLAG_IMPORTED, "imported" },
	};
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(flags & names[i].bit))
			continue;
		n += (size_t)snprintf(buf + n, FLAGS_TEXT_MAX - n, "%s%s", n ? "+" : "",
				      names[i].name);
		flags &= ~names[i].bit;
	}
	if (flags)
		snprintf(buf + n, FLAGS_TEXT_MAX - n, "%s%#x", n ? "+" : "", flags);
	return buf;
}

static const struct {
	uint32_t reason;
	const char *code, *text;
} reasons[REASONS] = {
	{ REASON_NO_CONSENT, "NO_CONSENT", "not all of the time, or not all tenants of this node, with a consent to record" },
	{ REASON_WITHDRAWN, "WITHDRAWN", "a consent was withdrawn before the end of the window" },
	{ REASON_GAP, "GAP", "the collector was down or lost events in the window" },
	{ REASON_EXPIRED, "EXPIRED", "days of the window were deleted: their retention was over" },
	{ REASON_ERASED, "ERASED", "days of the window were erased: the tenant withdrew and asked for it" },
	{ REASON_CLOCK, "CLOCK", "the clock was not synchronised: it may have been another time" },
	{ REASON_DAMAGED, "DAMAGED", "not all of the store could be read: see sekisho verify" },
	{ REASON_TRUE_NONE, "TRUE_NONE", "recorded for the whole window, without a known loss" },
};

const char *reason_code(uint32_t reason)
{
	for (size_t i = 0; i < REASONS; i++)
		if (reasons[i].reason == reason)
			return reasons[i].code;
	return "UNKNOWN";
}

const char *reason_text(uint32_t reason)
{
	for (size_t i = 0; i < REASONS; i++)
		if (reasons[i].reason == reason)
			return reasons[i].text;
	return "";
}
