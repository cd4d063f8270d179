/* SPDX-License-Identifier: BSD-2-Clause */
/* The lists of a catalog: putting things in once, finding them, joining two. */
#ifndef SEKISHO_CATALOG_LISTS_H
#define SEKISHO_CATALOG_LISTS_H

#include "catalog.h"

/*
 * The index of a tenant, segment or origin; put in when it is new (an origin: journal_id alone, the rest
 * zero). Negative: -ENOMEM.
 */
int catalog_lists_tenant(struct catalog *c, const char *id, uint32_t *ret_index);
int catalog_lists_segment(struct catalog *c, const struct catalog_segment *s, uint32_t *ret_index);
int catalog_lists_origin(struct catalog *c, uint64_t journal_id, uint32_t *ret_index);
/* A section of the same tenant, journal and run is replaced: the later one counts. */
int catalog_lists_section(struct catalog *c, const struct catalog_section *s, uint32_t *ret_index);

/* The index here of a tenant, and of what another catalog lists; UINT32_MAX: not there. 0 or -ENOMEM. */
int catalog_lists_find_tenant(struct catalog *c, const char *id, uint32_t *ret_index);
int catalog_lists_find_segment(struct catalog *c, const struct catalog *other, uint32_t segment,
			       uint32_t *ret_index);
int catalog_lists_find_section(struct catalog *c, const struct catalog *other, uint32_t section,
			       uint32_t *ret_index);

/* Adds what an origin says to another one of the same journal; tenant_map: by other's index. */
int catalog_lists_add_origin(struct catalog_origin *to, const struct catalog_origin *from,
			     const uint32_t *tenant_map);
/* The clock pieces in the order of boot time, the gaps in that of their time, each once. */
void catalog_lists_settle(struct catalog_origin *o);
/* Everything of `from`, not yet settled; ret_sections (room for from->section_count): where its sections are now. */
int catalog_lists_join(struct catalog *c, const struct catalog *from, uint32_t *ret_sections);

/* Frees the lists and makes them empty. */
void catalog_lists_done(struct catalog *c);

#endif
