# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A search needs an open case that covers it, and a second person for many rows. Tests that are about something else
# do not open one: they call the programs in a directory of links where `sekisho search` first opens the case that
# it names (for all tenants, any time, on its basis; one on another basis is closed) and, for root, names a second
# person. OPEN_CASES=no in the environment switches that off; tests about cases do. NEW_DIR/.real has sekisho as it is.

# case_for_search REAL_DIR NEW_DIR: makes NEW_DIR.
case_for_search() {
	local real
	real=$(realpath "$1") || return 1
	mkdir -p "$2/.real" && ln -s "$real"/* "$2/" && mv "$2/sekisho" "$2/.real/" || return 1
	{
		printf '#!/bin/bash\nreal=%q\n' "$real/sekisho"
		cat <<'END'
args=("$@") at=0
while [[ ${args[at]-} = -* ]]; do
	case ${args[at]} in -c | --store) at=$((at + 2)) ;; *) at=$((at + 1)) ;; esac
done
[ "${args[at]-}" = search ] && [ "${OPEN_CASES-yes}" = yes ] || exec "$real" "$@"
number='' basis='' approver=''
for ((i = at + 1; i < ${#args[@]}; i++)); do
	case ${args[i]} in
	--case) number=${args[i + 1]-} ;;
	--case=*) number=${args[i]#*=} ;;
	--basis) basis=${args[i + 1]-} ;;
	--basis=*) basis=${args[i]#*=} ;;
	--approver*) approver=given ;;
	--help) exec "$real" "$@" ;;
	esac
done
act() { "$real" "${args[@]:0:at}" case "$@" </dev/null 2>&1; }
if [ -n "$number" ] && [ -n "$basis" ]; then
	said=$(act open "$number" --basis "$basis" --all-tenants) ||
		if [[ $said = *'is open already'* && $said != *"on basis $basis" ]]; then
			act close "$number" --outcome withdrawn
			act open "$number" --basis "$basis" --all-tenants
		fi >/dev/null
fi
case $basis in
KAIJI_MEIREI | TEIKYO_MEIREI_2 | SHOKYO_KINSHI | ART5_VOLUNTARY | WARRANT | EMERGENCY)
	[ "$(id -u)" -ne 0 ] || [ -n "$approver" ] ||
		args=("${args[@]:0:at+1}" --approver second-person "${args[@]:at+1}")
	;;
esac
exec "$real" "${args[@]}"
END
	} >"$2/sekisho"
	chmod 755 "$2/sekisho"
}
