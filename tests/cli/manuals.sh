#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The manual pages are well-formed and have every option, key, basis and column that the programs have.
. "$(dirname "$0")/cli_lib"

MAN=$ROOT/user/man

plain() { # PAGE: as one line of text
	MANWIDTH=200 man --nh --nj -E ascii -l "$MAN/$1" 2>/dev/null | col -bx | tr -d "\`'" | tr -s ' \n' ' '
}

for page in sekisho.8 sekishod.8 sekisho.conf.5; do
	begin "well_formed_$page"
	if command -v mandoc >/dev/null; then
		run mandoc -Tlint -W warning "$MAN/$page"
		status 0
		out ''
	elif command -v man >/dev/null && command -v groff >/dev/null; then
		MANROFFSEQ='' man --warnings -E UTF-8 -l "$MAN/$page" >/dev/null 2>"$TMP/warnings"
		[ ! -s "$TMP/warnings" ] || bad "$(head -n 1 "$TMP/warnings")"
	else
		skip 'neither mandoc nor man is installed'
	fi
done

options() { "$@" --help | grep -oE '^ +(-[a-z]|--[a-z-]+)' | tr -d ' ' | sort -u; }
has_all() { # PAGE WORD...
	local page=$1 word
	shift
	[ $# -ge 3 ] || bad "only $# words to look for"
	for word; do
		grep -qF -- "$word" "$TMP/$page" || bad "$page does not have $word"
	done
}

if command -v man >/dev/null && command -v col >/dev/null && [ -n "$(plain sekisho.8)" ]; then
	for page in sekisho.8 sekishod.8 sekisho.conf.5; do
		plain "$page" >"$TMP/$page"
	done
	conf
	begin options_of_sekisho
	# shellcheck disable=SC2046 # words
	has_all sekisho.8 $(options "$BIN/sekisho") $(for verb in search case approve import; do options "$BIN/sekisho" $verb; done) \
		$(for act in grant modify withdraw notice show log text; do options "$BIN/sekisho" consent $act; done) \
		status search 'case open' 'case close' approve 'consent grant' 'consent modify' 'consent withdraw' 'consent notice' 'consent show' \
		'consent log' 'consent text' import seal verify
	begin bases
	# shellcheck disable=SC2046
	has_all sekisho.8 $("$BIN/sekisho" search --help | sed -n '/^Bases:/,/\.$/p' | grep -oE '[A-Z][A-Z0-9_]{4,}')
	begin options_of_sekishod
	# shellcheck disable=SC2046
	has_all sekishod.8 $(options "$BIN/sekishod") 120 80
	begin keys
	# shellcheck disable=SC2046
	has_all sekisho.conf.5 $("${SEKISHOD[@]}" -nn | sed -n 's/ = .*//p') address
	begin defaults_of_keys
	: >"$CONF"
	"${SEKISHOD[@]}" -nn >"$TMP/defaults"
	while read -r key _ value; do
		case $key in
		rotate_interval | sync_interval | rotate_size | heartbeat | canary_interval) grep -q "the default is $value" "$TMP/sekisho.conf.5" ;;
		*) grep -qE "(default is|default) $value|the default is $value|$value, the default" "$TMP/sekisho.conf.5" ;;
		esac || [ "$key = $value" = 'hook = auto' ] || bad "the default $key = $value is not in sekisho.conf(5)"
	done <"$TMP/defaults"
	begin bounds_of_keys
	for bound in '64K to 1G' '10ms to 60s' '1s to 24h' '1M to 1G' '5s to 10m' '1s to 20s' '1% to 50%'; do
		grep -qF "$bound" "$TMP/sekisho.conf.5" || bad "sekisho.conf(5) does not have $bound"
	done
else
	begin contents
	skip 'man or col is not installed'
fi

begin columns_of_FIELDS
run "$BIN/sekisho" --store "$(mkdir -p "$TMP/store/journal" "$TMP/store/segments" "$TMP/store/ledger" && echo "$TMP/store")" \
	search --case 1 --basis AUDIT "${EVER[@]}" --tenant web --csv
head -n 1 "$TMP/out" | tr ',' '\n' >"$TMP/columns"
sed -n '/^| column /,/^$/s/^| \([a-z_]*\) | .*/\1/p' "$ROOT/schema/FIELDS.md" | sed 1d >"$TMP/columns.fields"
[ "$(wc -l <"$TMP/columns")" -eq 17 ] || bad "$(wc -l <"$TMP/columns") columns"
cmp -s "$TMP/columns" "$TMP/columns.fields" || bad "FIELDS.md has $(paste -sd, "$TMP/columns.fields")"

finish
