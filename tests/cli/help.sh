#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Help, versions, and command lines that are none.
. "$(dirname "$0")/cli_lib"

conf
conf_tenant web "$NET.1"

# A page of help fits a screen; LINES names what it must explain.
help_page() { # NAME USAGE COMMAND...
	begin "$1"
	local usage=$2 lines columns
	shift 2
	run "$@"
	status 0
	err ''
	[ "$(head -n 1 "$TMP/out")" = "$usage" ] || bad "begins with: $(head -n 1 "$TMP/out")"
	lines=$(wc -l <"$TMP/out")
	columns=$(wc -L <"$TMP/out")
	[ "$lines" -le 30 ] || bad "$lines lines do not fit a screen of 30"
	[ "$columns" -le 100 ] || bad "a line of $columns columns does not fit a screen of 100"
}

help_page sekisho 'usage: sekisho [-c FILE | --store DIR | --run-dir DIR] [VERB ...]' "$BIN/sekisho" --help
for verb in status search case approve consent import seal reload hold ledger verify; do
	out_has "^  $verb "
done
out_has '^3 no daemon; 4 refused by policy; 5 store or ledger damaged\.$'
help_page sekishod 'usage: sekishod [-c FILE] [-f]      record until SIGTERM' "$BIN/sekishod" --help
out_has '^ +--disarm '
help_page status 'usage: sekisho [-c FILE] status [--json]' "$BIN/sekisho" status --help
help_page search 'usage: sekisho search --case NUMBER --basis CODE --from TIME --to TIME CONDITION...' "$BIN/sekisho" search --help
for option in case basis from to tenant src src-port dst dst-port csv json; do
	out_has "^  --$option "
done
help_page case 'usage: sekisho case open NUMBER --basis CODE (--tenant ID... | --all-tenants)' "$BIN/sekisho" case --help
help_page case_open 'usage: sekisho case open NUMBER --basis CODE (--tenant ID... | --all-tenants)' "$BIN/sekisho" case open --help
help_page approve 'usage: sekisho approve [ID]' "$BIN/sekisho" approve --help
help_page consent 'usage: sekisho consent grant TENANT --until TIME --text FILE --fields LIST' \
	"$BIN/sekisho" consent --help
for act in grant modify withdraw notice show log text; do
	out_has "^  $act "
done
for act in grant modify withdraw notice show log text; do
	usage=$("$BIN/sekisho" consent --help | sed -n "s/^\(usage:\|      \) sekisho consent $act /usage: sekisho consent $act /p")
	help_page "consent_$act" "$usage" "$BIN/sekisho" consent $act --help
	out_has '^  --help '
done
help_page import 'usage: sekisho import [--store DIR] --csv FILE|- --reason TEXT [--json]' "$BIN/sekisho" import --help
for option in csv reason store json; do
	out_has "^  --$option "
done
help_page seal 'usage: sekisho seal' "$BIN/sekisho" seal --help
help_page reload 'usage: sekisho reload' "$BIN/sekisho" reload --help
help_page hold 'usage: sekisho [--store DIR] hold set NUMBER --tenant ID|--all-tenants --until TIME [...]' \
	"$BIN/sekisho" hold --help
help_page verify 'usage: sekisho [--store DIR] verify [--full] [--json]' "$BIN/sekisho" verify --help

help_page ledger 'usage: sekisho [--store DIR] ledger show [--chain NAME] [--json]' "$BIN/sekisho" ledger --help

begin every_verb_of_the_help_has_its_own
"$BIN/sekisho" --help | sed -n 's/^  \([a-z]\+\) .*/\1/p' >"$TMP/verbs"
[ "$(wc -l <"$TMP/verbs")" -ge 5 ] || bad "only $(wc -l <"$TMP/verbs") verbs found"
while read -r verb; do
	"$BIN/sekisho" "$verb" --help </dev/null 2>&1 | grep -q '^usage: sekisho' || bad "$verb --help is no help"
done <"$TMP/verbs"

begin help_needs_no_configuration
run "$BIN/sekisho" -c /nonexistent search --help
status 0
run "$BIN/sekishod" -c /nonexistent --help
status 0

begin version
run "$BIN/sekisho" --version
status 0
out_has '^sekisho [0-9]+\.[0-9]'
run "$BIN/sekishod" --version
status 0
out_has '^sekishod [0-9]+\.[0-9]'

begin help_on_a_full_disk_is_not_done
STATUS=0
"$BIN/sekisho" --help >/dev/full 2>"$TMP/err" || STATUS=$?
[ "$STATUS" -ne 0 ] || bad "status 0, although nothing could be written"

# Without an argument: the same as status.
begin no_argument_is_status
run "${SEKISHO[@]}"
status 3
out ''
cp "$TMP/err" "$TMP/err.default"
run "${SEKISHO[@]}" status
status 3
cmp -s "$TMP/err" "$TMP/err.default" || bad "status says $(first "$TMP/err"), no argument $(first "$TMP/err.default")"
err "sekisho: error: sekishod is not running ($RUN/control.sock: Connection refused)"

refuses unknown_verb 2 'sekisho: error: unknown verb "frob"; see sekisho --help' "${SEKISHO[@]}" frob
refuses unknown_global_option 2 'sekisho: error: unknown option --frob; see --help' "${SEKISHO[@]}" --frob
refuses unknown_letter 2 'sekisho: error: unknown option -z; see --help' "${SEKISHO[@]}" -z
refuses unknown_daemon_option 2 'sekishod: error: unknown option --frob; see --help' "${SEKISHOD[@]}" --frob
refuses unknown_daemon_letter 2 'sekishod: error: unknown option -x; see --help' "${SEKISHOD[@]}" -x
refuses daemon_operand 2 'sekishod: error: unexpected argument "now"; see --help' "${SEKISHOD[@]}" now
for verb in status search import seal verify; do
	refuses "${verb}_unknown_option" 2 'sekisho: error: unknown option --frob; see --help' \
		"${SEKISHO[@]}" "$verb" --frob
	refuses "${verb}_operand" 2 'sekisho: error: unexpected argument "now"; see --help' \
		"${SEKISHO[@]}" "$verb" now
done
for act in '' give; do
	refuses "ledger_unknown_act_$act" 2 \
		"sekisho: error: ledger \"$act\": expected show, verify, head or rotate-key; see sekisho ledger --help" \
		"${SEKISHO[@]}" ledger $act
done
refuses consent_unknown_act 2 \
	'sekisho: error: consent "give": expected grant, modify, withdraw, notice, show, log or text; see sekisho consent --help' \
	"${SEKISHO[@]}" consent give web
refuses consent_without_act 2 \
	'sekisho: error: consent "": expected grant, modify, withdraw, notice, show, log or text; see sekisho consent --help' "${SEKISHO[@]}" consent
refuses consent_without_tenant 2 'sekisho: error: consent grant "": expected a tenant id' \
	"${SEKISHO[@]}" consent grant
refuses consent_of_two_tenants 2 'sekisho: error: unexpected argument "b"; see --help' \
	"${SEKISHO[@]}" consent withdraw a b
refuses option_without_value 2 'sekisho: error: option --case needs a value: NUMBER' \
	"${SEKISHO[@]}" search --case
refuses option_eats_no_option 2 \
	'sekisho: error: option --case needs a value: NUMBER, not "--from" (if meant: --case=--from)' \
	"${SEKISHO[@]}" search --case --from 2026-11-01T00:00:00Z
refuses option_twice 2 'sekisho: error: option --case is given twice' "${SEKISHO[@]}" search --case 1 --case 2
refuses switch_with_value 2 'sekisho: error: option --csv takes no value, but has "yes"' \
	"${SEKISHO[@]}" search --csv=yes
refuses no_configuration 2 \
	"sekisho: error: cannot open configuration $TMP/none: No such file or directory" "$BIN/sekisho" -c "$TMP/none"
refuses daemon_without_configuration 2 \
	"sekishod: error: cannot open configuration $TMP/none: No such file or directory" "$BIN/sekishod" -c "$TMP/none"
refuses configuration_is_a_directory 2 "sekisho: error: cannot read $TMP: Is a directory" "$BIN/sekisho" -c "$TMP"
refuses status_of_a_store 2 'sekisho: error: status is about a running sekishod (-c FILE), not --store' \
	"$BIN/sekisho" --store "$TMP" status
refuses seal_of_a_store 2 'sekisho: error: seal is about a running sekishod (-c FILE), not --store' \
	"$BIN/sekisho" --store "$TMP" seal
refuses consent_of_a_store 2 'sekisho: error: consent needs a configuration (-c FILE), not --store' \
	"$BIN/sekisho" --store "$TMP" consent withdraw web
refuses seal_without_daemon 3 \
	"sekisho: error: sekishod is not running ($RUN/control.sock: Connection refused)" "${SEKISHO[@]}" seal

# An escape sequence from the command line must not reach the terminal.
begin bad_value_is_printable
run "${SEKISHO[@]}" $'fr\e[31mob\n'
status 2
err 'sekisho: error: unknown verb "fr?[31mob?"; see sekisho --help'

finish
