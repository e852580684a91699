"""What Python's email package reads of messages.

Standard input: a line with a number of octets, then so many octets, again and again. Standard
output: one line of JSON for each. The first argument names the policy: compat32 or default.
"""
import email
import email.header
import email.policy
import email.utils
import hashlib
import json
import sys

MODERN = sys.argv[1] == "default"
POLICY = email.policy.default if MODERN else email.policy.compat32


def text(value):
    """A string that JSON can carry: octets that are no text become U+FFFD."""
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def words(value):
    """A field's value with its encoded words decoded, as programs on compat32 do it."""
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except (LookupError, ValueError, email.errors.HeaderParseError):
        return str(value)


def addresses(message, field):
    values = message.get_all(field, [])
    if not MODERN:
        found = email.utils.getaddresses([str(v) for v in values])
        return [text(words(name) + " <" + address + ">") for name, address in found]
    found = []
    for value in values:
        for group in value.groups:
            if group.display_name is not None:
                found.append(text(group.display_name + ":"))
            found += [text(a.display_name + " <" + a.addr_spec + ">") for a in group.addresses]
    return found


def moment(message):
    value = message.get("date")
    if value is None:
        return []
    try:
        when = value.datetime if MODERN else email.utils.parsedate_to_datetime(str(value))
        return [str(int(when.timestamp()))] if when else ["no date"]
    except (ValueError, TypeError, OverflowError):
        return ["no date"]


def content(part):
    """A text part's text."""
    if MODERN:
        try:
            return part.get_content()
        except (LookupError, KeyError, ValueError):
            pass
    data = part.get_payload(decode=True) or b""
    charset = part.get_content_charset() or "us-ascii"
    try:
        return data.decode(charset, "replace")
    except (LookupError, ValueError):
        return data.decode("us-ascii", "replace")


def digest(part):
    data = part.get_payload(decode=True) or b""
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n")
    return hashlib.sha256(data).hexdigest()


def name(part):
    value = part.get_filename()
    return "" if value is None else text(value if MODERN else words(value))


def collect(part, shown):
    kind = part.get_content_type()
    if part.is_multipart():
        for i, child in enumerate(part.get_payload()):
            if kind == "message/rfc822":
                shown["text"].append("Message: " + text(words(str(child.get("subject", "")))))
            if part.get_content_subtype() == "alternative":
                shown["text"].append("Alternative %d:" % (i + 1))
            collect(child, shown)
        return
    attached = part.get_content_disposition() == "attachment" or name(part)
    if kind == "text/plain" and not attached:
        shown["text"].append(text(content(part)))
    elif kind == "text/html" and not attached:
        shown["html"].append(text(content(part)))
    else:
        shown["attachments"].append(kind + " " + name(part) + " " + digest(part))


def read(raw):
    message = email.message_from_bytes(raw, policy=POLICY)
    shown = {f: addresses(message, f) for f in ("from", "sender", "to", "cc", "reply-to")}
    subject = message.get("subject")
    shown["subject"] = [] if subject is None else [text(subject if MODERN else words(subject))]
    shown["date"] = moment(message)
    shown.update({"text": [], "html": [], "attachments": []})
    collect(message, shown)
    return shown


def main():
    source = sys.stdin.buffer
    while True:
        head = source.readline()
        if not head:
            return
        raw = source.read(int(head))
        try:
            shown = read(raw)
        except Exception as fault:  # what a program does here is to show an error
            shown = {"broken": [type(fault).__name__]}
        sys.stdout.write(json.dumps(shown) + "\n")
        sys.stdout.flush()


main()
