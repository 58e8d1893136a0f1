"""Mail sessions by Python's own clients, as told by a JSON list on standard input; prints a JSON list of what they found:
{"found": ...} or {"failure": "..."}.

Keys of a session: protocol (smtp, imap, pop3), host, port, security (tls, starttls), ca, user, password, mechanism; for smtp also to and
message, for imap folder and commands (each a list of words, run after SELECT).
"""

import base64
import imaplib
import json
import poplib
import smtplib
import ssl
import sys

LIMIT = 30


def main():
    json.dump([outcome(job) for job in json.load(sys.stdin)], sys.stdout)


def outcome(job):
    session = {"smtp": smtp, "imap": imap, "pop3": pop3}[job["protocol"]]
    try:
        tls = ssl.create_default_context(cafile=job["ca"])
        return {"found": session(job, tls, job["host"], job["port"], job["security"] == "tls")}
    except Exception as failure:
        return {"failure": f"{type(failure).__name__}: {failure}"}


def smtp(job, tls, host, port, implicit):
    if implicit:
        client = smtplib.SMTP_SSL(host, port, timeout=LIMIT, context=tls)
    else:
        client = smtplib.SMTP(host, port, timeout=LIMIT)
        client.starttls(context=tls)
    with client:
        client.ehlo()
        user, password = job["user"].encode(), job["password"].encode()
        if job["mechanism"] == "login":
            expect(client.docmd("AUTH LOGIN " + encoded(user)), 334)
            expect(client.docmd(encoded(password)), 235)
        elif job["mechanism"] == "plain":
            expect(client.docmd("AUTH PLAIN " + encoded(b"\0" + user + b"\0" + password)), 235)
        if "message" in job:
            client.sendmail(job["user"], [job["to"]], job["message"].encode())
    return {}


def imap(job, tls, host, port, implicit):
    if implicit:
        client = imaplib.IMAP4_SSL(host, port, ssl_context=tls, timeout=LIMIT)
    else:
        client = imaplib.IMAP4(host, port, timeout=LIMIT)
        client.starttls(ssl_context=tls)
    with client:
        before = client.capabilities
        user, password = job["user"].encode(), job["password"].encode()
        if job["mechanism"] == "login":
            # Not client.login(): before Python 3.14 it does not quote the user.
            log_in(client, client._quote(job["user"]), client._quote(job["password"]))
        elif job["mechanism"] == "literal":
            client.literal = password
            log_in(client, client._quote(job["user"]))
        else:
            client.authenticate("PLAIN", lambda _: b"\0" + user + b"\0" + password)
        capabilities = client.capability()[1][0].decode().split()
        typ, data = client.select(job.get("folder", "INBOX"))
        expect((typ, data), "OK")
        answers = [run(client, words) for words in job.get("commands", [])]
    return {"before": before, "capabilities": capabilities, "exists": int(data[0]), "answers": answers}


def log_in(client, *words):
    expect(client._simple_command("LOGIN", *words), "OK")
    client.state = "AUTH"


def run(client, words):
    name, *arguments = words
    typ, data = client.uid(*arguments) if name == "UID" else getattr(client, name.lower())(*arguments)
    expect((typ, data), "OK")
    return [item.decode() if isinstance(item, bytes) else repr(item) for item in data]


def pop3(job, tls, host, port, implicit):
    if implicit:
        client = poplib.POP3_SSL(host, port, timeout=LIMIT, context=tls)
    else:
        client = poplib.POP3(host, port, timeout=LIMIT)
        client.stls(context=tls)
    client.user(job["user"])
    client.pass_(job["password"])
    count, _ = client.stat()
    client.quit()
    return {"exists": count}


def encoded(raw):
    return base64.b64encode(raw).decode()


def expect(reply, wanted):
    if reply[0] != wanted:
        raise ValueError(f"refused: {reply}")


main()
