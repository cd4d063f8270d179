#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the ledgers of a store by schema/FORMAT.md alone: 3.16, hashes, numbers, heads and every signature; 3.8 and
reader rule 10, each act of consent; 3.9, that each search stands in an open case that covers it, and that what another
person had to approve was approved.

usage: check_ledger.py STATE_DIR

Prints how many lines each chain has, how many files custody calls deleted and how many holds were not released; the first thing that is wrong, and status 1. The signatures are RFC 8032, 5.1.7.
"""
import datetime
import hashlib
import json
import os
import re
import sys

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
CHAINS = ("custody", "consent", "access")


def recover_x(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if x * x % P != x2:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != x2 or y >= P or (x == 0 and sign):
        raise ValueError("not a point")
    return P - x if x & 1 != sign else x


def point(data):
    y = int.from_bytes(data, "little")
    x = recover_x(y & (1 << 255) - 1, y >> 255)
    y &= (1 << 255) - 1
    return x, y, 1, x * y % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p = add(p, p)
        n >>= 1
    return q


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def verifies(public, message, signature):
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE), add(point(signature[:32]), times(h, point(public)))
    return s < L and (left[0] * right[2] - right[0] * left[2]) % P == 0 and \
        (left[1] * right[2] - right[1] * left[2]) % P == 0


def blake2b(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def key_id(public):
    return blake2b(public)[:16]


def fail(text):
    sys.exit("check_ledger: " + text)


def unique(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def check_signed(name, line, where, keys, newest_only):
    entry = json.loads(line.decode("utf-8"), object_pairs_hook=unique)
    begin = len(line) - len(',"sig":"') - 128 - len('"}')
    if line[begin:begin + 8] != b',"sig":"' or line[-2:] != b'"}' or list(entry)[-2:] != ["key", "sig"]:
        fail("%s: no signature at its end" % where)
    if newest_only and entry["event"] == "KEY" and not keys:
        keys.append(bytes.fromhex(entry["public"]))
    known = {key_id(k): k for k in (keys[-1:] if newest_only else keys)}
    if entry["key"] not in known:
        fail("%s: signed with another key" % where)
    message = b"sekisho ledger 1 " + name.encode() + b"\n" + line[:begin]
    if not verifies(known[entry["key"]], message, bytes.fromhex(entry["sig"])):
        fail("%s: its signature is wrong" % where)
    return entry


def check_chain(state, name, keys):
    """The entries, and the hash of each line from 0."""
    path = os.path.join(state, "ledger", name + ".log")
    data = open(path, "rb").read() if os.path.exists(path) else b""
    entries, hashes = [], ["0" * 64]
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        where = "ledger/%s.log line %d" % (name, number)
        entry = check_signed(name, line, where, keys, name == "custody")
        members = list(entry)
        if members[:3] != ["seq", "t", "event"] or members[-3:] != ["prev", "key", "sig"]:
            fail("%s: members %s" % (where, members))
        if entry["seq"] != number or entry["prev"] != hashes[-1] or len(entry["t"]) != 30:
            fail("%s: does not continue the line before" % where)
        if name == "custody" and entry["event"] == "KEY" and number > 1:
            keys.append(bytes.fromhex(entry["public"]))
        if name == "custody" and number == 1 and entry["event"] != "KEY":
            fail("%s: not a key" % where)
        hashes.append(blake2b(line))
        entries.append(entry)
    return entries, hashes


BASE_FIELDS = ["src_addr", "src_port", "dst_addr", "dst_port", "t_accept"]
PURPOSES = ["P1", "P2", "P3"]
RECIPIENTS = ["court", "access_provider", "applicant", "investigator", "tenant"]
TEXT = ("text_id", "text_version", "text_sha256", "lang")


def is_number(value, low, high=2 ** 63 - 1):
    return type(value) is int and low <= value <= high


def is_line(value, most=200):
    return isinstance(value, str) and 1 <= len(value.encode()) <= most and \
        not any(ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 for c in value)


def is_list(value, words):
    return isinstance(value, list) and value and value == [w for w in words if w in value]


def instant(text):
    """Nanoseconds: RFC 3339 in any zone."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", text)
    zone = "+00:00" if match[4] in "Zz" else match[4]
    seconds = int(datetime.datetime.fromisoformat(match[1] + "T" + match[2] + zone).timestamp())
    return seconds * 10 ** 9 + int((match[3] or "").ljust(9, "0"))


def check_who(act):
    origin = act["origin"]
    return all(is_line(act[k]) for k in ("actor", "actor_auth", "method")) and \
        (act["ticket"] is None or is_line(act["ticket"])) and is_number(act["clock_err_ns"], 0) and \
        is_number(origin["uid"], 0, 2 ** 32 - 1) and origin["via"] in ("command line", "control socket") and \
        all(origin[k] is None or is_line(origin[k]) for k in ("user", "from"))


def check_terms(act):
    fields = act["fields"].split(",")
    begin, end = instant(act["effective_from"]), instant(act["effective_to"])
    return begin == instant(act["t"]) < end and act["scope"] and \
        all(isinstance(s, str) and s for s in act["scope"]) and len(act["resolved"]) == len(act["scope"]) and \
        all(r is None or is_line(r, 2 ** 20) for r in act["resolved"]) and \
        act["separability"] in ("EXACT", "SHARED") and set(BASE_FIELDS) <= set(fields) and \
        set(fields) <= set(BASE_FIELDS + ["rtt", "t_close"]) and is_list(act["purposes"], PURPOSES) and \
        is_list(act["recipients"], RECIPIENTS) and is_number(act["retention_days"], 1, 366) and \
        is_line(act["text_id"], 64) and is_line(act["text_version"], 64) and \
        re.fullmatch("[0-9a-f]{64}", act["text_sha256"]) and is_line(act["lang"], 35) and \
        act["same_terms"] is True and act["revocable"] is True and act["bundled"] is False


def widens(before, act):
    lists = [(before[k], act[k]) for k in ("purposes", "recipients", "scope")]
    lists.append((before["fields"].split(","), act["fields"].split(",")))
    return any(set(new) - set(old) for old, new in lists) or act["retention_days"] > before["retention_days"] or \
        instant(act["effective_to"]) > instant(before["effective_to"])


def check_change(before, act):
    shown = before["seq"] if before.get("text_seq") is None else before["text_seq"]
    return act["text_seq"] is None or (is_number(act["text_seq"], 1) and act["text_seq"] == shown and
                                       not widens(before, act) and all(act[k] == before[k] for k in TEXT))


def check_act(tenants, act):
    """tenants: by id its last grant, the time of its last act, when it was withdrawn, whether with erasure."""
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", act["tenant"]) or not check_who(act):
        return False
    last, now, event = tenants.get(act["tenant"]), instant(act["t"]), act["event"]
    if last and now <= last["act"]:
        return False
    covered = last and not last["withdrawn"] and now < instant(last["grant"]["effective_to"])
    if event == "GRANT" or (event == "MODIFY" and covered):
        good = check_terms(act) and (event == "GRANT" or check_change(last["grant"], act))
        tenants[act["tenant"]] = {"grant": act, "act": now, "withdrawn": False, "erase": False}
        return good
    if event == "WITHDRAW" and last:
        erase = act["withdraw_mode"] == "STOP_AND_ERASE"
        good = act["withdraw_mode"] in ("STOP_ONLY", "STOP_AND_ERASE") and \
            (not last["withdrawn"] or (erase and not last["erase"]))
        last.update(act=now, withdrawn=True, erase=erase)
        return good
    if event == "NOTICE" and covered:
        last["act"] = now
        return True
    return False


def check_consents(entries):
    tenants = {}
    for act in entries:
        try:
            good = check_act(tenants, act)
        except (KeyError, TypeError, ValueError, AttributeError):
            good = False
        if not good:
            fail("ledger/consent.log line %d: not a valid act" % act["seq"])
CAUSES = {"EXPIRED": ("GRANT", "MODIFY"), "ERASED": ("WITHDRAW",)}  # acts of consent.log
SHAPES = {  # members of an event between "event" and "prev"
    "DELETED": {"tenant", "day", "reason", "because", "parts"},
    "LEFT_OUT": {"journal", "tenant", "reason", "because", "days"},
    "DELETED_JOURNAL": {"journal", "reason", "because", "bytes", "hash"},
    "HOLD_SET": {"number", "tenant", "first_day", "last_day", "until", "reason", "actor", "uid"},
    "HOLD_RELEASE": {"number", "tenant", "holds", "reason", "actor", "uid"},
}


def part_path(state, tenant, day, part):
    return os.path.join(state, "segments", tenant, day + (".sks" if part == 1 else ".%d.sks" % part))


def day_text(number):
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=number)).isoformat()


def check_deletions(state, custody, consents):
    """Shapes of the lines; what was sealed is there or was deleted; causes are acts of that kind and tenant."""
    holds, sealed, deleted = {}, {}, 0
    for number, entry in enumerate(custody, 1):
        where, event = "ledger/custody.log line %d" % number, entry["event"]
        if event in SHAPES and set(entry) != SHAPES[event] | {"seq", "t", "event", "prev", "key", "sig"}:
            fail("%s: members %s" % (where, list(entry)))
        if event == "SEALED":
            for tenant, day, part, file_id, *_ in entry["sections"]:
                sealed[tenant, day_text(day), part, file_id] = number
        if event in ("DELETED", "LEFT_OUT") and entry["because"] is not None:
            act = consents[entry["because"] - 1]
            if act["tenant"] != entry["tenant"] or act["event"] not in CAUSES[entry["reason"]]:
                fail("%s: consent line %d is no reason" % (where, entry["because"]))
        if event == "DELETED":
            for part, file_id, size, rows, digest in entry["parts"]:
                sealed.pop((entry["tenant"], entry["day"], part, file_id), None)
                deleted += 1
                path = part_path(state, entry["tenant"], entry["day"], part)
                if os.path.exists(path) and blake2b(open(path, "rb").read()) == digest:
                    fail("%s: %s is there" % (where, path))
                if len(digest) != 64 or size < 0 or rows < 0:
                    fail("%s: part %d" % (where, part))
        if event == "HOLD_SET":
            holds[number] = entry
        if event == "HOLD_RELEASE":
            for seq in entry["holds"]:
                if holds.pop(seq, None) is None:
                    fail("%s: line %s is no hold in force" % (where, seq))
    for tenant, day, part, file_id in sealed:
        path = part_path(state, tenant, day, part)
        if not os.path.exists(path) or open(path, "rb").read(32)[24:][::-1].hex() != file_id:
            fail("%s: was sealed, and neither is there nor was deleted" % path)
    return deleted, len(holds)
ACTS = ("CASE_NOTE", "CASE_OPINION", "CASE_PROVIDER", "CASE_CLOSE", "APPROVAL_REQUEST", "APPROVED")


def folded(number):
    return "".join(" " if c == "\u3000" else chr(ord(c) - 0xfee0) if "\uff01" <= c <= "\uff5e" else c for c in number)


def days_later(t):
    return (datetime.datetime.strptime(t[:19], "%Y-%m-%dT%H:%M:%S") + datetime.timedelta(days=1)).isoformat() + t[19:]


def check_search(e, cases, requests, where):
    case = cases.get(folded(e["case"])) if e["case"] is not None else None
    if e["case"] is None:
        if e["basis"] != "TENANT_SELF":
            fail("%s: a search without a case" % where)
    elif not case or not case["open"] or case["basis"] != e["basis"]:
        fail("%s: no such case is open on this basis" % where)
    elif case["tenants"] and (set(e["tenants"]) - set(case["tenants"])):
        fail("%s: a tenant outside of the case" % where)
    if e["approval"] is not None:
        request = requests.get(e["approval"])
        if not request or request["uid"] != e["uid"] or request["rows"] < e["rows"] or \
                not any(t <= e["t"] < days_later(t) and uid != e["uid"] for t, uid in request["approved"]):
            fail("%s: no other person has approved it" % where)


def check_access(entries):
    cases, requests, rows = {}, {}, {}
    for e in entries:
        where, event = "ledger/access.log line %d" % e["seq"], e["event"]
        if list(e)[2] != "event":
            fail("%s: its event is not the first member behind t" % where)
        case = cases.get(folded(e["case"])) if e.get("case") else None
        if event == "CASE_OPEN":
            if case and case["open"]:
                fail("%s: the case is open already" % where)
            cases[folded(e["case"])] = {"open": True, "basis": e["basis"], "tenants": e["tenants"]}
        elif event in ACTS and (not case or not (case["open"] or event == "CASE_NOTE")):
            fail("%s: its case is not open" % where)
        elif event == "CASE_CLOSE":
            case["open"] = False
        elif event == "APPROVAL_REQUEST":
            requests[e["seq"]] = {"uid": e["uid"], "rows": e["rows"], "approved": []}
        elif event == "APPROVED":
            requests[e["request"]]["approved"].append((e["t"], e["uid"]))
            if requests[e["request"]]["uid"] == e["uid"]:
                fail("%s: approved by who asked" % where)
        elif event == "SEARCH":
            check_search(e, cases, requests, where)
            rows[e["seq"]] = [e["rows"], sum(e["tenants"].values())]
        elif event == "SEARCH_TENANTS":
            rows[e["search"]][1] += sum(e["tenants"].values())
        elif event not in ACTS:
            fail("%s: an unknown event %s" % (where, event))
    for seq, (all_rows, by_tenant) in rows.items():
        if all_rows != by_tenant:
            fail("ledger/access.log line %d: %d rows, %d by tenant" % (seq, all_rows, by_tenant))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    state, keys = sys.argv[1], []
    chains = {name: check_chain(state, name, keys) for name in CHAINS}
    check_consents(chains["consent"][0])
    check_access(chains["access"][0])
    heads_path = os.path.join(state, "keys", "heads")
    if os.path.exists(heads_path):
        line = open(heads_path, "rb").read()
        if line[-1:] != b"\n":
            fail("keys/heads: no newline")
        heads = check_signed("heads", line[:-1], "keys/heads", keys, False)
        for name in CHAINS:
            head, hashes = heads[name], chains[name][1]
            if not head["seq"] <= len(hashes) - 1 <= head["seq"] + 1 or hashes[head["seq"]] != head["hash"]:
                fail("ledger/%s.log does not end as its head says" % name)
        if open(os.path.join(state, "keys", "node.pub"), "rb").read() != keys[0].hex().encode() + b"\n":
            fail("keys/node.pub is not the first key")
    elif sum(len(entries) for entries, _ in chains.values()) > 1:
        fail("keys/heads is not there")
    deleted, holds = check_deletions(state, chains["custody"][0], chains["consent"][0])
    if deleted or holds:
        print("deleted %d, not released %d" % (deleted, holds))
    print(" ".join("%s %d" % (name, len(chains[name][0])) for name in CHAINS))


if __name__ == "__main__":
    main()
