# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What a daemon recorded, beside what its clients made: rows, gaps, counts of status. Sourced by lib.sh.

EVER=(--from 2020-01-01T00:00:00Z --to 2100-01-01T00:00:00Z)

# search_case OPTION...: a search on the case TEST-1, which the first one in a world opens (case_for_search.sh).
search_case() {
	local status=0
	if [ -e "$W/case-is-open" ]; then
		"$BIN/.real/sekisho" -c "$CONF" search --approver second-person --case TEST-1 --basis WARRANT "$@" || status=$?
		[ "$status" -eq 4 ] || return "$status"
		status=0 # somebody closed it
	fi
	sekisho search --case TEST-1 --basis WARRANT "$@" || status=$?
	[ "$status" -gt 1 ] || : >"$W/case-is-open"
	return "$status"
}

# search FILE OPTION...: the rows found, as CSV without its header. EVER unless a window is given.
search() {
	local out=$1 status=0
	shift
	[[ " $* " = *" --from "* ]] || set -- "${EVER[@]}" "$@"
	search_case --csv "$@" >"$out" 2>"$W/search.err" || status=$?
	[ "$status" -le 1 ] || die "search $* (status $status): $(tail -n 1 "$W/search.err")"
	local header=
	read -r header <"$out"
	[[ $header = row,kind,proto,src_ip,src_port,dst_ip,dst_port,t_utc,* ]] ||
		die "search printed no CSV header: $header"
	sed -i 1d "$out"
	if [ "$status" -eq 0 ] && [ ! -s "$out" ]; then
		die "search $*: status 0 without a row"
	elif [ "$status" -eq 1 ] && [ -s "$out" ]; then
		die "search $*: status 1 with rows"
	fi
}

lines() { wc -l <"$1"; }
tuples() { cut -d, -f4-7 "$1"; }
column() { cut -d, -f"$1" "$2" | sort | uniq -c | awk '{ print $2 "=" $1 }' | paste -sd' '; }
KIND=2 TIME=8 TENANT=10 FLAGS=13 CONSENT=14

# unseen: how many passive openings on the node the kernel counted and the hook, by its own count, did not see.
unseen() {
	sleep 1.2 # status has the counts of a second ago
	sekisho status --json >"$W/status" 2>/dev/null || return
	echo $(($(counter "$NODE" Tcp PassiveOpens) - $(said reconciled recorded) - $(said reconciled elsewhere)))
}

# few_missing N OF: for so few of which no program was called run_case() runs a case again. What was seen and is missing
# is ours.
few_missing() {
	[ "$1" -eq 0 ] || [ "$1" -gt $(($2 / 300 + 1)) ] || [ "$RUNG" != set_state ] ||
		[ "$(unseen)" -lt "$1" ] 2>/dev/null || : >"$SCRATCH/few"
}

# same_rows LIST CSV WHAT: the client's list and the rows are equal as multisets.
same_rows() {
	local missing extra
	sort "$1" >"$W/want"
	tuples "$2" | sort >"$W/got"
	[ -s "$W/want" ] || die "$3: the client's list is empty"
	cmp -s "$W/want" "$W/got" && return
	comm -23 "$W/want" "$W/got" >"$W/missing"
	comm -13 "$W/want" "$W/got" >"$W/extra"
	missing=$(lines "$W/missing") extra=$(lines "$W/extra")
	[ "$extra" -ne 0 ] || few_missing "$missing" "$(lines "$W/want")"
	die "$3: of $(lines "$W/want") connections $missing missing (first: $(head -n 1 "$W/missing")), $extra too many" \
		"(first: $(head -n 1 "$W/extra"))"
}

# no_extra LIST CSV WHAT: no row is there that the client did not make.
no_extra() {
	tuples "$2" | sort >"$W/got"
	sort "$1" | comm -13 - "$W/got" >"$W/extra"
	[ ! -s "$W/extra" ] || die "$3: a row that the client did not make: $(head -n 1 "$W/extra")"
}

# gaps FILE OPTION...: one line for each gap of the answer: reason|tenant|lost|from|to.
gaps() {
	local out=$1 status=0
	shift
	[[ " $* " = *" --from "* ]] || set -- "${EVER[@]}" "$@"
	# No row has this source: only what the answer says besides.
	search_case --json --src 192.0.2.255 "$@" >"$W/json" 2>"$W/search.err" || status=$?
	[ "$status" -le 1 ] || die "search $* (status $status): $(tail -n 1 "$W/search.err")"
	grep -q '^"gaps":\[' "$W/json" || die "search --json has no gaps"
	sed -n 's/^"gaps":\[//p' "$W/json" | sed 's/},{/}\n{/g' | awk '
		function value(key) {
			if (!match($0, "\"" key "\":(\"[^\"]*\"|[^,}]*)"))
				return "?"
			text = substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3)
			gsub("\"", "", text)
			return text
		}
		/^{/ { print value("reason") "|" value("tenant") "|" value("lost") "|" value("from") "|" value("to") }
	' >"$out"
}

no_gap() {
	gaps "$W/gaps" "$@"
	[ ! -s "$W/gaps" ] || die "a gap where there was none: $(head -n 1 "$W/gaps")"
}

# What a single tenant comes to before the ring is full.
SHARE_FULL="tenant's share of the ring full"
# What the kernel's own count has and the hook did not see.
NOT_SEEN='not seen by the hook'
# lost REASON TENANT: the sum over a file that gaps() wrote ($W/gaps).
lost() { awk -F'|' -v r="$1" -v t="$2" '$1 == r && $2 == t { n += $3 } END { print n + 0 }' "$W/gaps"; }

# status_value SECTION KEY: a number or word of status --json ("" is the top). Drains the ring first.
status_value() {
	search "$W/unused" --src 192.0.2.255
	sekisho status --json >"$W/status" 2>/dev/null
	said "$1" "$2"
}
# said SECTION KEY: the same of what is in $W/status already.
said() {
	awk -v section="$1" -v key="$2" '
		/^  "[a-z_]+": [{[]$/ { now = $1; gsub("[\":]", "", now) }
		/^  []}]/ { now = "" }
		now == section && $1 == "\"" key "\":" { sub(/^[^:]*: */, ""); gsub(/[",]/, ""); print; exit }' "$W/status"
}
