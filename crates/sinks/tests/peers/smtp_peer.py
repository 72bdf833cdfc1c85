"""A mail server (aiosmtpd) that writes down what it takes.

Usage: smtp_peer.py PORT LOG [OPTION=VALUE]... Prints `ready PORT`. Each mail is a line of JSON in LOG
before it is answered: `from`, `to`, `subject`, `body`, `id`, `user`, `encrypted`. Options: `user` and
`password` (nobody else may send), `certificate` and `key` (STARTTLS, demanded), `implicit=1` (TLS from
the beginning instead), `login=1` (offers AUTH LOGIN only), `refuse` (a recipient that is refused for
good), `later` (one that is refused for now), `reject=1` (no mail is taken).
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

OPTIONS = dict(argument.split("=", 1) for argument in sys.argv[3:])


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == OPTIONS.get("refuse"):
            return "550 5.1.1 no such user here"
        if address == OPTIONS.get("later"):
            return "450 4.2.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if "reject" in OPTIONS:
            return "554 5.7.1 this looks like spam"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        user = session.auth_data
        entry = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": mail["subject"],
            "body": mail.get_content(),
            "id": mail["message-id"],
            "user": user if isinstance(user, str) else None,
            "encrypted": session.ssl is not None or "implicit" in OPTIONS,
        }
        with open(sys.argv[2], "a") as log:
            log.write(json.dumps(entry) + "\n")
        return "250 2.0.0 taken as number 1"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword)
    good = good and data.login.decode() == OPTIONS["user"]
    good = good and data.password.decode() == OPTIONS["password"]
    name = OPTIONS["user"] if good else None
    return AuthResult(success=good, handled=False, auth_data=name)


def server():
    tls = None
    if "certificate" in OPTIONS and "implicit" not in OPTIONS:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(OPTIONS["certificate"], OPTIONS["key"])
    auth = {}
    if "user" in OPTIONS:
        auth = {"authenticator": authenticate, "auth_required": True}
        auth["auth_require_tls"] = tls is not None
        if "login" in OPTIONS:
            auth["auth_exclude_mechanism"] = ["PLAIN"]
    return SMTP(Handler(), hostname="peer", tls_context=tls, require_starttls=tls is not None, **auth)


async def main():
    context = None
    if "implicit" in OPTIONS:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(OPTIONS["certificate"], OPTIONS["key"])
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(server, "127.0.0.1", int(sys.argv[1]), ssl=context)
    print("ready", listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


asyncio.run(main())
