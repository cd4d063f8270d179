// SPDX-License-Identifier: BSD-2-Clause
/* What one of two counts misses. */
#include "residue.h"

void residue_lower(struct residue *r, int64_t high)
{
	if (!r->known || high < r->baseline.offset)
		r->baseline.offset = high;
	r->known = true;
}

void residue_agree(struct residue *r, int64_t boot_ns)
{
	r->least = 0;
	r->looks = 0;
	r->baseline.agreed_boot_ns = (uint64_t)boot_ns;
}

bool residue_judge(struct residue *r, int64_t high, int64_t low, int64_t boot_ns,
		   struct residue_missed *ret_missed)
{
	uint64_t residue;

	residue_lower(r, high);
	if (low <= r->baseline.offset) {
		residue_agree(r, boot_ns);
		return false;
	}
	residue = (uint64_t)(low - r->baseline.offset);
	if (!r->looks++) {
		r->least = residue;
		r->first_boot_ns = boot_ns;
	} else if (residue < r->least) {
		r->least = residue;
	}
	if (r->looks < RESIDUE_LOOKS)
		return false;
	*ret_missed = (struct residue_missed){ r->least, r->baseline.agreed_boot_ns, (uint64_t)r->first_boot_ns };
	r->baseline.offset += (int64_t)r->least;
	residue_agree(r, r->first_boot_ns);
	return true;
}
