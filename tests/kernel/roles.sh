#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Who may do what through the control socket: each role with real users, and what each must not be able to do.
. "$(dirname "$0")/../lib.sh"

ADMIN=61001 DESK=61002 AUDIT=61003 PANEL=61004 # groups

# as NAME ARG...: sekisho for that user, into $W/out and $W/err; its status in STATUS.
as() {
	local uid group=60999
	case $1 in
	admin) uid=60001 group=$ADMIN ;;
	desk) uid=60002 group=$DESK ;;
	approver) uid=60003 group=$DESK ;;
	audit) uid=60004 group=$AUDIT ;;
	panel) uid=60005 group=$PANEL ;;
	owner_a) uid=60006 ;;
	owner_b) uid=60007 ;;
	stranger) uid=60008 ;;
	*) die "no such user: $1" ;;
	esac
	WHO=$1 STATUS=0
	shift
	WHAT="$*"
	setpriv --reuid="$uid" --regid=60999 --groups="$group" -- "$W/any/sekisho" --run-dir "$RUN" "$@" \
		>"$W/out" 2>"$W/err" <"${STDIN:-/dev/null}" || STATUS=$?
}

# expect STATUS [PATTERN-OF-STDERR]: of what as() ran.
expect() {
	[ "$STATUS" -eq "$1" ] || die "$WHO: $WHAT: status $STATUS, expected $1: $(cat "$W/err")"
	[ $# -lt 2 ] || grep -qE -- "$2" "$W/err" || die "$WHO: $WHAT: said '$(cat "$W/err")', expected $2"
}
# As expect 4, and nothing came out but one line of why.
refused() {
	expect 4 "$1"
	[ ! -s "$W/out" ] || die "$WHO: $WHAT: printed although refused: $(head -n 1 "$W/out")"
	[ "$(lines "$W/err")" -eq 1 ] || die "$WHO: $WHAT: more than one line: $(cat "$W/err")"
}

roles_world() {
	world
	chmod 711 "$SCRATCH" "$W"
	mkdir -m 755 "$W/any"
	cp "$REAL_BIN/sekisho" "$W/any/"
	setpriv --reuid=60008 --regid=60999 --clear-groups -- test -x "$W/any/sekisho" || skip "others cannot come here at all: $W"
	conf "hook = $RUNG" "group_admin = $ADMIN" "group_desk = $DESK" "group_audit = $AUDIT" "group_panel = $PANEL" \
		"approval_rows = 10" "$@"
	conf_tenant a "$NET4.1"
	sed -i '/^\[tenant a\]/aowner = 60006' "$CONF"
	conf_tenant b "$NET4.2"
	sed -i '/^\[tenant b\]/aowner = 60007' "$CONF"
	daemon_start
	cp "$W/text" "$W/any/text"
	chmod 644 "$W/any/text"
	TERMS=(--until "$(utc_in 86400)" --text "$W/any/text" --fields src_addr,src_port,dst_addr,dst_port,t_accept
		--retention 30 --same-terms --revocable)
	PANEL_WHO=(--actor 'customer 17' --actor-auth 'password and TOTP' --origin 192.0.2.7)
}

searches() { # TENANT: those that its view lists
	"$BIN/sekisho" -c "$CONF" consent show "$1" --json | grep -o '"searches":.*' | grep -o '"basis"' | wc -l
}

# The story of two tenants: consent by panel and by the owner, a case, a second person, the auditor.
story() {
	local id before
	roles_world
	serve "$NET4.1:443" "$NET4.2:443"

	next_case AC-14_panel_and_owner_grant
	as panel consent grant a "${TERMS[@]}"
	refused 'says who decided it: --actor, --actor-auth and --origin'
	as panel consent grant a "${TERMS[@]}" "${PANEL_WHO[@]}" --json
	expect 0
	grep -q '"actor":"customer 17","actor_auth":"password and TOTP"' "$W/out" || die "the act does not say who: $(cat "$W/out")"
	grep -q '"origin":{"uid":60005,"user":null,"via":"control socket","from":"192.0.2.7"}' "$W/out" ||
		die "the act does not say through whom: $(cat "$W/out")"
	as owner_b consent grant b "${TERMS[@]}"
	expect 0
	as owner_b consent log b --json
	expect 0
	grep -q '"actor":"uid 60007","actor_auth":"owner of the tenant: uid 60007 (no name)"' "$W/out" ||
		die "the owner's act does not say who: $(cat "$W/out")"
	as owner_b consent grant b "${TERMS[@]}" --actor someone
	refused 'not for the tenant.s own user'
	as owner_b consent withdraw a
	refused '^sekisho: error: tenant a has another owner than uid 60007$'
	as owner_b consent show
	refused 'name the tenant'
	as admin status
	expect 0
	connect "$W/a" --count 20 --from "$NET4.100" "$NET4.1:443"
	connect "$W/b" --count 5 --from "$NET4.101" "$NET4.2:443"

	next_case AC-39_desk_needs_a_case
	as desk search --basis WARRANT "${EVER[@]}" --tenant a
	refused 'a search needs a case'
	as desk search --case K-1 --basis WARRANT "${EVER[@]}" --tenant a
	refused 'there is no case'
	as desk case open K-1 --basis WARRANT --tenant a --requester 'a court'
	expect 0
	as desk search --case K-1 --basis WARRANT --tenant a --src "$NET4.100"
	refused 'bounded window'
	as desk search --case K-1 --basis WARRANT "${EVER[@]}" --tenant b
	refused 'tenant b is not in case'

	next_case AC-41_nothing_outside_the_case
	as owner_b search --basis TENANT_SELF --tenant b "${EVER[@]}" --csv
	expect 0
	sed 1d "$W/out" >"$W/rows"
	same_rows "$W/b" "$W/rows" "what is there outside of the case"
	as desk search --case K-1 --basis WARRANT "${EVER[@]}" --src "$NET4.101" --csv
	expect 1
	[ "$(lines "$W/out")" -eq 1 ] || die "rows of a tenant outside of the case: $(tail -n 1 "$W/out")"

	next_case AC-42_second_person
	before=$(searches a)
	as desk search --case K-1 --basis WARRANT "${EVER[@]}" --tenant a --csv
	refused '20 records are more than approval_rows \(10\): another person lets them out with sekisho approve [0-9]+$'
	id=$(grep -oE '[0-9]+$' "$W/err")
	as desk approve "$id"
	expect 4
	[ ! -s "$W/out" ] || die "one approves one's own: $(cat "$W/out")"
	for who in admin audit panel owner_a stranger; do
		as "$who" approve "$id"
		refused '^sekisho: error: approve is for group 61002, root, not for uid '
	done
	as desk search --case K-1 --basis WARRANT "${EVER[@]}" --tenant a --csv --approver boss
	refused 'is for root'
	as approver approve
	expect 0
	grep -qE "^ *$id " "$W/out" || die "the request is not listed: $(cat "$W/out")"
	as approver approve "$id"
	expect 0
	as approver search --case K-1 --basis WARRANT "${EVER[@]}" --tenant a --csv
	refused 'another person' # it was for the search of the other
	as desk search --case K-1 --basis WARRANT "${EVER[@]}" --tenant a --csv
	expect 0
	sed 1d "$W/out" >"$W/rows"
	same_rows "$W/a" "$W/rows" "the desk's answer"

	next_case AC-14_the_owner_sees_who_searched
	[ "$(searches a)" -gt "$before" ] || die "the searches are not in the tenant's view"
	as owner_a consent show a --json
	expect 0
	grep -q '"basis":"WARRANT","rows":20,"rows_shown":true' "$W/out" || die "the owner does not see the search: $(cat "$W/out")"
	! grep -q 'K-1' "$W/out" || die "the owner sees whose case it is"

	next_case AC-14_own_data
	as owner_a search --basis TENANT_SELF --tenant a "${EVER[@]}" --csv
	expect 0
	sed 1d "$W/out" >"$W/rows"
	same_rows "$W/a" "$W/rows" "the owner's own data"
	as owner_a search --basis TENANT_SELF --tenant b "${EVER[@]}" --csv
	refused 'tenant b has another owner'
	as owner_a search --case K-1 --basis WARRANT --tenant a "${EVER[@]}" --csv
	refused 'TENANT_SELF and no case'
	as owner_a search --case K-1 --basis TENANT_SELF --tenant a "${EVER[@]}" --csv
	refused 'TENANT_SELF and no case'
	as owner_b consent show a
	refused 'another owner'
	as desk search --basis TENANT_SELF --tenant a "${EVER[@]}" --csv
	refused 'TENANT_SELF without a case is for root and the owner of the tenant'

	next_case AC-45_bases_through_the_socket
	as desk case open K-2 --basis HOZEN_YOSEI --tenant a
	expect 0
	as desk search --case K-2 --basis HOZEN_YOSEI --tenant a "${EVER[@]}" --csv
	expect 0
	! grep -q "$NET4" "$W/out" "$W/err" || die "HOZEN_YOSEI shows rows: $(cat "$W/out")"
	as desk case open K-3 --basis TEIKYO_MEIREI_1 --tenant a
	printf 'prefix,name,address,source,date\n%s.0/24,ISP,Tokyo,whois,2026-11-02\n' "$NET4" >"$W/any/providers"
	as desk case provider K-3 --file "$W/any/providers"
	expect 0
	as desk search --case K-3 --basis TEIKYO_MEIREI_1 --tenant a "${EVER[@]}"
	grep -q ISP "$W/out" || die "no provider: $(cat "$W/out" "$W/err")"
	! grep -qE "$NET4|[0-9]{2}:[0-9]{2}:[0-9]{2}" "$W/out" "$W/err" || die "TEIKYO_MEIREI_1 shows more: $(cat "$W/out")"

	next_case AC-41_the_auditor_sees_no_row
	as audit ledger verify
	expect 0
	as audit verify --full
	expect 0
	as audit ledger show --json
	expect 0
	grep -q '"event":"SEARCH"' "$W/out" && grep -q '"user":null,' "$W/out" && grep -q '"uid":60002' "$W/out" ||
		die "the ledger does not name the desk's uid"
	grep -q '"event":"APPROVED"' "$W/out" && grep '"event":"APPROVED"' "$W/out" | grep -q '"uid":60003' || die "the approver's uid is not in the ledger"
	for args in "search --case K-1 --basis WARRANT --tenant a" "search --basis AUDIT --tenant a" "search --basis TENANT_SELF --tenant a"; do
		# shellcheck disable=SC2086 # words
		as audit $args "${EVER[@]}" --csv
		refused '^sekisho: error: search is for group 61002, '
	done

	next_case AC-38_nobody_reads_the_store
	wrong=$(find "$STATE" -type d ! -perm 700 -o ! -type d ! -perm 600)
	[ -z "$wrong" ] || die "open to others: $wrong"
	for group in $ADMIN $DESK $AUDIT $PANEL; do
		! setpriv --reuid=60008 --regid=60999 --groups="$group" -- ls "$STATE" >/dev/null 2>&1 || die "group $group lists the store"
	done
	# A file that only root reads is not read for somebody else either.
	as desk case provider K-3 --file "$STATE/ledger/access.log"
	expect 2 'Permission denied'

	next_case AC-42_own_data_by_a_case
	as desk case open K-4 --basis TENANT_SELF --tenant a
	expect 0
	as desk search --case K-4 --basis TENANT_SELF "${EVER[@]}" --tenant a --csv
	refused '20 records are more than approval_rows'

	next_case AC-40_no_entry_no_rows
	as desk search --case K-1 --basis WARRANT "${EVER[@]}" --tenant a --csv
	expect 0
	chattr +i "$STATE/ledger/access.log" 2>/dev/null || skip "this file system has no immutable files"
	as desk search --case K-1 --basis WARRANT "${EVER[@]}" --tenant a --csv
	chattr -i "$STATE/ledger/access.log"
	expect 1 'cannot write ledger/access\.log: Operation not permitted.*; nothing is shown$'
	[ ! -s "$W/out" ] || die "rows without an entry: $(head -n 2 "$W/out")"
	as desk search --case K-1 --basis WARRANT "${EVER[@]}" --tenant a --csv
	expect 0
}

# Each act by each role: done with the status that it has here, or refused by one line that names it. A admin, D desk,
# U audit, P panel, O the own user of tenant a; one status for all of these, or one for each of them in their order.
# Written a second time, beside user/control/roles.c.
matrix() {
	local act want who args count=0 before
	local -a wants
	local -A users=([A]=admin [D]=desk [U]=audit [P]=panel [O]=owner_a [n]=stranger)
	roles_world
	[ "$("$BIN/sekisho" --help | sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p' | sort | xargs)" = \
		"approve case consent hold import ledger reload seal search status verify" ] || die "there is a verb that this table does not have"
	"$BIN/sekisho" -c "$CONF" consent grant a "${TERMS[@]}" >/dev/null || die "no consent"
	"$BIN/sekisho" -c "$CONF" case open M --basis WARRANT --tenant a >/dev/null || die "no case"
	while IFS='|' read -r act who want args; do
		read -ra wants <<<"$want"
		for letter in A D U P O n; do
			# shellcheck disable=SC2086 # words
			as "${users[$letter]}" $act $args
			count=$((count + 1))
			if [[ $who = *$letter* ]]; then
				before=${who%%"$letter"*}
				expect "${wants[${#before}]:-${wants[0]}}"
				! grep -q ', not for uid ' "$W/err" || die "$WHO: $WHAT: refused to a role that may: $(cat "$W/err")"
			else
				refused "^sekisho: error: $act is for .*root, not for uid "
			fi
		done
	done <<-'END'
		status|A|0|
		reload|A|0|
		seal|A|0|
		hold set|A|4|M
		hold list|ADU|1|
		hold release|A|1|M
		case open|D|2|M2
		case list|DU|0|
		case show|DU|0|M
		case note|D|0|M --text x
		case opinion|D|2|M
		case provider|D|2|M
		case close|D|2|M
		approve|D|1|
		search|DO|2|--basis nonsense
		consent grant|PO|4|a
		consent modify|PO|4 1|a
		consent withdraw|PO|4 2|a --stop-only --stop-and-erase
		consent notice|AP|4|a
		consent show|AUPO|0|a
		consent log|AUO|0|a
		consent text|APO|2|a --lang xx
		ledger show|U|0|
		ledger verify|U|0|
		ledger head|U|0|
		ledger rotate-key||0|
		verify|U|0|
		import||0|--csv x --reason y
	END
	[ "$count" -eq 168 ] || die "$count requests instead of 28 acts by 6"
	as stranger nonsense
	expect 2 'unknown verb'
	as audit ledger --json show
	expect 2 'there is no such act'
}

# A control panel's call, as README shows it: JSON in, JSON out.
panel_json() {
	roles_world
	cat >"$W/request" <<-END
		{"until": "$(utc_in 86400)", "text": "説明文\n二行目\n", "lang": "ja", "text_id": "house-1",
		 "fields": ["src_addr", "src_port", "dst_addr", "dst_port", "t_accept"], "retention": 30,
		 "same_terms": true, "revocable": true,
		 "actor": "customer 17", "actor_auth": "password and TOTP", "origin": "192.0.2.7", "ticket": "T-1"}
	END
	STDIN=$W/request as panel consent grant a --stdin --json
	expect 0
	hash=$(printf '説明文\n二行目\n' | sha256sum | cut -d' ' -f1)
	grep -q "\"text_sha256\":\"$hash\"" "$W/out" || die "another text than that of the request: $(cat "$W/out")"
	for part in '"retention_days":30' '"text_id":"house-1"' '"lang":"ja"' '"actor":"customer 17"' '"ticket":"T-1"'; do
		grep -qF "$part" "$W/out" || die "the answer has no $part: $(cat "$W/out")"
	done
	as panel consent show a --json
	expect 0
	grep -q '"tenant":"a","state":"recording"' "$W/out" || die "not recording: $(cat "$W/out")"
	printf '{"actor": "c", "actor_auth": "p", "origin": "o", "stop_and_erase": true}' >"$W/request"
	STDIN=$W/request as panel consent withdraw a --stdin --json
	expect 0
	grep -q '"withdraw_mode":"STOP_AND_ERASE"' "$W/out" || die "not erased: $(cat "$W/out")"
	while IFS='|' read -r request why; do
		printf '%s' "$request" >"$W/request"
		STDIN=$W/request as panel consent grant a --stdin --json
		expect 2 "$why"
		[ ! -s "$W/out" ] || die "an answer to $request: $(cat "$W/out")"
	done <<-'END'
		|--stdin: expected one JSON object
		[]|--stdin: expected one JSON object
		{"until": 1, "until": 2}|--stdin: expected one JSON object
		{"colour": "blue"}|--stdin: unknown member "colour"
		{"stdin": true}|--stdin: unknown member "stdin"
		{"same_terms": 1}|"same_terms": expected true or false
		{"fields": {"a": 1}}|"fields": expected text
		{"fields": [1]}|"fields": expected text
	END
	printf '{"actor": "x"}' >"$W/request"
	STDIN=$W/request as panel consent grant a --stdin --actor y
	expect 2 '"actor" is on the command line, too'
}

# A daemon with an /etc of its own, a copy, in which groups and the owner of tenant a have names.
named_world() {
	daemon_spawn() {
		sed -i 's/^group_admin = .*/group_admin = sk-admin/; s/^group_desk = .*/group_desk = sk-desk/
			s/^owner = 60006$/owner = sk-owner/' "$CONF"
		{ cp -a /etc "$W/etc" && printf 'sk-admin:x:%d:\n' $ADMIN >>"$W/etc/group"; } || die "cannot copy /etc"
		unshare --mount --propagation private -- sh -c 'mount --bind "$0" /etc && exec "$@"' "$W/etc" \
			"$BIN/sekishod" -c "$CONF" -f >>"$LOG" 2>&1 &
		DAEMON=$!
	}
	roles_world
}

# renamed_into_place FILE SED-SCRIPT: as useradd, groupadd and vipw do it.
renamed_into_place() {
	{ sed "$2" "$W/etc/$1" >"$W/etc/$1.new" && mv "$W/etc/$1.new" "$W/etc/$1"; } || die "cannot write $1"
}

# Who has a role, and who owns a tenant, is what the files of names say now: not what they said at the start.
new_names() {
	named_world
	as admin status
	expect 0
	as desk case list
	refused '^sekisho: error: case list is for group sk-desk, '
	as owner_a consent show a
	refused ', not for uid 60006$'

	renamed_into_place group "\$ a sk-desk:x:$DESK:"
	as desk case open K-1 --basis WARRANT --tenant a
	expect 0
	as admin status # by the name that was there before
	expect 0
	as stranger case list
	refused ', not for uid 60008$'
	renamed_into_place passwd "\$ a sk-owner:x:60006:60999::/:/bin/false"
	as owner_a consent show a
	expect 0
	as owner_b consent show a
	refused 'another owner'

	renamed_into_place group "s/^sk-desk:x:$DESK:/sk-desk:x:60998:/"
	as desk case list
	refused '^sekisho: error: case list is for group sk-desk, '
}

# What a selector means when it is agreed to is in the ledger, whoever gives the grant: those who look have no rights of
# their own.
selectors_are_resolved() {
	local cgroup
	roles_world
	mkdir "$W/cgroup2"
	mount -t cgroup2 none "$W/cgroup2" || die "cannot mount cgroup2"
	MOUNTS+=("$W/cgroup2")
	cgroup=$W/cgroup2/$RUN_ID-$$
	mkdir "$cgroup" || die "cannot make a cgroup"
	CGROUPS+=("$cgroup")
	printf '\n[tenant c]\nowner = 60006\ncgroup = /%s\ncgroup = /%s/nowhere\naddress = %s\nnetns = /run/netns/%s\ninterface = lo\n' \
		"$RUN_ID-$$" "$RUN_ID-$$" "$NET4.3" "$NODE" >>"$CONF"
	as admin reload
	expect 0
	as panel consent grant c "${TERMS[@]}" "${PANEL_WHO[@]}" --json
	expect 0
	resolved_as "cgroup id $(stat -c %i "$cgroup")"
	mkdir "$cgroup/nowhere"
	as owner_a consent modify c --retention 20 --json
	expect 0
	resolved_as "cgroup id $(stat -c %i "$cgroup")" "cgroup id $(stat -c %i "$cgroup/nowhere")"
	rmdir "$cgroup/nowhere"
	as owner_a consent modify c --retention 10 --json
	expect 0
	resolved_as "cgroup id $(stat -c %i "$cgroup")"

	# Root looks with its own rights.
	mkdir "$cgroup/nowhere"
	WHO=root STATUS=0 WHAT='consent modify'
	"$BIN/sekisho" -c "$CONF" consent modify c --retention 9 --json >"$W/out" 2>"$W/err" || STATUS=$?
	expect 0
	resolved_as "cgroup id $(stat -c %i "$cgroup")" "cgroup id $(stat -c %i "$cgroup/nowhere")"
}
# resolved_as CGROUP [CGROUP]: what the act in $W/out says of the selectors of tenant c.
resolved_as() {
	grep -o '"resolved":\[[^]]*\]' "$W/out" >"$W/resolved"
	grep -qxE "\"resolved\":\[\"$1\",\"${2:-unresolved}\",null,\"netns cookie [0-9]+\",\"ifindex 1\"\]" "$W/resolved" ||
		die "$WHO: $WHAT: $(cat "$W/resolved")"
}

# Roles, limits and places are those of the start or of the last reload, whatever stands in the file meanwhile.
in_force() {
	local other=$RUN_ID-$$-late
	roles_world
	printf '\n[tenant pod]\nnetns = /run/netns/%s\nnetns = /run/netns/%s\n' "$CLIENT" "$other" >>"$CONF"
	as admin reload
	expect 0
	grant pod
	cp "$CONF" "$W/good"
	# The file has it that nobody is an administrator, and that there is no tenant pod.
	sed -i "s/^group_admin = .*/group_admin = $AUDIT/; /^\[tenant pod\]/,\$d" "$CONF"
	as admin status
	expect 0
	as audit status
	refused '^sekisho: error: status is for '
	grep -q 'for group 61001, root' "$W/err" || die "the roles are those of the file: $(cat "$W/err")"
	# The places in force are looked at all the same: one that comes is found.
	SPACES+=("$other")
	ip netns add "$other" || die "cannot make a network namespace"
	found() { sekisho status --json | tr -d ' \n' | grep -q "\"selector\":\"netns:/run/netns/$other\",\"state\":\"covered\""; }
	wait_until 10 found || die "a namespace that came is not covered: $(sekisho status | grep -A4 pod)"
	# Nor does a consent of others than root put the file in force: it counts with what is.
	as owner_a consent grant a "${TERMS[@]}"
	expect 0
	as owner_a consent show a --json
	grep -q '"tenant":"a","state":"recording"' "$W/out" || die "the consent is not in force: $(cat "$W/out")"
	as admin status
	expect 0
	# A reload that fails changes nothing.
	echo 'nonsense = 1' >>"$CONF"
	as admin reload
	expect 2
	as admin status
	expect 0
	sed -i '/^nonsense/d' "$CONF"
	as admin reload
	expect 0
	as admin status
	refused '^sekisho: error: status is for group 61003, root, '
	as audit status
	expect 0
	# A registrar that is started again has what is in force, and not the file.
	cp "$W/good" "$CONF"
	kill -KILL "$(child registrar)"
	answers() { as audit status && [ "$STATUS" -eq 0 ]; }
	wait_until 10 answers || die "the registrar has not what is in force: $(cat "$W/err")"
	kill -HUP "$DAEMON"
	answers() { as admin status && [ "$STATUS" -eq 0 ]; }
	wait_until 10 answers || die "SIGHUP does not change roles: $(cat "$W/err")"
}

# The user whose store it is works on it without the daemon, and may ask the daemon as root may.
the_stores_own_user() {
	roles_world
	chmod 755 "$W" && chmod 644 "$CONF"
	own() { setpriv --reuid="$STORE_USER" --regid="$STORE_USER" --clear-groups -- "$W/any/sekisho" -c "$CONF" "$@" >"$W/out" 2>"$W/err"; }
	own status || die "status: $(cat "$W/err")"
	own seal || die "seal: $(cat "$W/err")"
	WHO=own WHAT=seal
	as stranger seal
	refused '^sekisho: error: seal is for '
}

run_case AC-14_roles story
run_case AC-38_roles_in_force in_force
run_case AC-38_the_stores_own_user the_stores_own_user
run_case AC-38_every_role_and_every_act matrix
run_case AC-03_panel_json panel_json
run_case_once AC-38_names_that_change new_names
run_case AC-14_selectors_are_resolved selectors_are_resolved
finish
