"""Python's own mail clients against the sandbox: send, find by IMAP and by POP3, delete.

usage: sandbox_python.py MODE < configuration.json
The configuration: {"ca": FILE, "ports": {SERVICE: PORT}, "accounts": [[ADDRESS, PASSWORD]]}
MODE: tls-plain, tls-login, starttls-plain, starttls-login, or wrong-password
"""

import base64
import imaplib
import json
import poplib
import smtplib
import ssl
import sys

BODY = "first\r\n.\r\n..two dots\r\n.one dot\r\nfrom here to the end\r\n"


def b64(text):
    return base64.b64encode(text.encode()).decode()


def smtp(security, ports, context):
    if security == "tls":
        client = smtplib.SMTP_SSL("localhost", ports["submissions"], context=context, timeout=20)
    else:
        client = smtplib.SMTP("localhost", ports["submission"], timeout=20)
        client.ehlo()
        assert not client.has_extn("auth"), "AUTH is offered in plaintext"
        client.starttls(context=context)
    client.ehlo()
    return client


def authenticate(client, mechanism, address, password):
    if password.isascii():
        client.user, client.password = address, password
        initial = len(password) % 2 == 0  # with and without an initial response
        client.auth(mechanism.upper(), getattr(client, "auth_" + mechanism), initial_response_ok=initial)
    elif mechanism == "plain":  # smtplib encodes passwords as ASCII only
        assert client.docmd("AUTH PLAIN " + b64(f"\0{address}\0{password}"))[0] == 235
    else:
        assert client.docmd("AUTH LOGIN", b64(address))[0] == 334
        assert client.docmd(b64(password))[0] == 235


def imap(security, ports, context):
    if security == "tls":
        return imaplib.IMAP4_SSL("localhost", ports["imaps"], ssl_context=context, timeout=20)
    client = imaplib.IMAP4("localhost", ports["imap"], timeout=20)
    assert "LOGINDISABLED" in client.capabilities
    client.starttls(context)
    return client


def ok(answer):
    status, data = answer
    assert status == "OK", answer
    return data


def check(raw, subject):
    header, _, body = raw.partition(b"\r\n\r\n")
    assert b"Subject: " + subject.encode() in header, header
    assert body == BODY.encode(), body


def by_imap(security, ports, context, address, password, subject):
    client = imap(security, ports, context)
    if password.isascii():
        ok(client.login(address, password))
    else:  # imaplib encodes commands as ASCII only
        ok(client.authenticate("PLAIN", lambda _: f"\0{address}\0{password}".encode()))
    ok(client.select("INBOX"))
    (uids,) = ok(client.uid("SEARCH", "HEADER", "Subject", f'"{subject}"'))
    (uid,) = uids.split()
    data = ok(client.uid("FETCH", uid, "(UID FLAGS BODY.PEEK[])"))
    check(data[0][1], subject)
    assert rb"\Seen" not in data[0][0], data[0][0]
    ok(client.append("Sent", r"(\Seen)", None, data[0][1]))
    ok(client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)"))
    ok(client.uid("EXPUNGE", uid))
    assert ok(client.search(None, "ALL")) == [b""]
    assert ok(client.select("Sent")) == [b"1"]
    ok(client.store("1", "+FLAGS", r"(\Deleted)"))
    ok(client.expunge())
    ok(client.close())
    client.logout()


def by_pop3(security, ports, context, address, password, subject):
    def connect():
        if security == "tls":
            client = poplib.POP3_SSL("localhost", ports["pop3s"], context=context, timeout=20)
        else:
            client = poplib.POP3("localhost", ports["pop3"], timeout=20)
            client.stls(context)
        client.user(address)
        client.pass_(password)
        return client

    client = connect()
    assert "UIDL" in client.capa()
    assert client.stat()[0] == 1
    number, unique = client.uidl()[1][0].split()
    assert unique
    check(b"\r\n".join(client.retr(int(number))[1]) + b"\r\n", subject)
    header = client.top(int(number), 0)[1]
    assert any(line.startswith(b"Subject: ") for line in header) and b"first" not in header
    client.dele(int(number))
    client.quit()
    client = connect()
    assert client.stat() == (0, 0)
    client.quit()


def journey(security, mechanism, ports, context, accounts):
    for number, (address, password) in enumerate(accounts):
        for receive in (by_imap, by_pop3):
            subject = f"probe {number} {receive.__name__}"
            message = f"From: {address}\r\nTo: {address}\r\nSubject: {subject}\r\n\r\n{BODY}"
            client = smtp(security, ports, context)
            authenticate(client, mechanism, address, password)
            assert client.sendmail(address, [address], message.encode()) == {}
            client.quit()
            receive(security, ports, context, address, password, subject)


def wrong_password(ports, context, accounts):
    for address, password in accounts:
        wrong = password.strip() + "x"
        try:
            authenticate(smtp("tls", ports, context), "plain", address, wrong if wrong.isascii() else "x")
            raise SystemExit("SMTP took a wrong password")
        except smtplib.SMTPAuthenticationError as error:
            assert error.smtp_code == 535, error
        try:
            imap("tls", ports, context).login(address, "x")
            raise SystemExit("IMAP took a wrong password")
        except imaplib.IMAP4.error as error:
            assert "AUTHENTICATIONFAILED" in str(error), error
        client = poplib.POP3_SSL("localhost", ports["pop3s"], context=context, timeout=20)
        client.user(address)
        try:
            client.pass_(wrong)
            raise SystemExit("POP3 took a wrong password")
        except poplib.error_proto as error:
            assert "[AUTH]" in str(error), error


def main():
    configuration = json.load(sys.stdin)
    context = ssl.create_default_context(cafile=configuration["ca"])
    ports, accounts = configuration["ports"], configuration["accounts"]
    if sys.argv[1] == "wrong-password":
        wrong_password(ports, context, accounts)
    else:
        security, mechanism = sys.argv[1].split("-")
        journey(security, mechanism, ports, context, accounts)
    print("done")


main()
