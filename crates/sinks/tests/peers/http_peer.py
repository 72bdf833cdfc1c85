"""An HTTP server whose answers a test chooses, and which tells what it got.

Usage: http_peer.py PORT [CERTIFICATE KEY]. Prints `ready PORT`. Besides the requests of the sink:
POST /control sets `next` (answers to come, in order), `poison` (text that is answered with 422) and
`bytes_max` (larger bodies are answered with 413); GET /log tells all requests so far; POST /token
gives tokens `t1`, `t2` and so on. An answer is an object with any of `status`, `headers`, `body`,
`chunked`, `close` (the connection, after it), `cut` (the connection, instead of it) and `hold`
(never answers). Each request is also written as a line to the file HTTP_PEER_LOG, if that is set.
"""

import gzip
import json
import os
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK = threading.Lock()
LOG = []
FILE = os.environ.get("HTTP_PEER_LOG")
CONTROL = {"next": [], "poison": None, "bytes_max": None, "tokens": 0}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def take(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        if self.path == "/control":
            with LOCK:
                CONTROL.update(json.loads(body))
            return self.reply({"status": 204})
        if self.path == "/log":
            with LOCK:
                text = json.dumps(LOG)
            return self.reply({"body": text})
        if self.path == "/token":
            return self.token(body.decode())
        plain = body
        if self.headers.get("content-encoding") == "gzip":
            plain = gzip.decompress(body)
        entry = {
            "method": self.command,
            "target": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": plain.decode(),
            "peer": self.client_address[1],
        }
        with LOCK:
            if CONTROL["next"]:
                answer = CONTROL["next"].pop(0)
            elif CONTROL["bytes_max"] is not None and len(plain) > CONTROL["bytes_max"]:
                answer = {"status": 413, "body": "too much"}
            elif CONTROL["poison"] is not None and CONTROL["poison"] in entry["body"]:
                answer = {"status": 422, "body": "poison: " + "x" * 400}
            else:
                answer = {"status": 200, "body": "{}"}
            entry["status"] = None if answer.keys() & {"cut", "hold"} else answer.get("status", 200)
            LOG.append(entry)
            if FILE:
                with open(FILE, "a") as log:
                    log.write(json.dumps(entry) + "\n")
        self.reply(answer)

    do_POST = do_PUT = do_PATCH = do_GET = take

    def token(self, body):
        with LOCK:
            good = "grant_type=client_credentials" in body
            good = good and self.headers.get("authorization") == "Basic aWQ6czNjcmV0"
            CONTROL["tokens"] += 1
            number = CONTROL["tokens"]
        if not good:
            return self.reply({"status": 401, "body": '{"error":"invalid_client"}'})
        self.reply({"body": json.dumps({"access_token": f"t{number}", "expires_in": 3600})})

    def reply(self, answer):
        if answer.get("hold"):
            threading.Event().wait()
        if answer.get("cut"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = answer.get("body", "").encode()
        self.send_response(answer.get("status", 200))
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        if answer.get("chunked"):
            self.send_header("transfer-encoding", "chunked")
        else:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if answer.get("chunked"):
            for start in range(0, len(body), 7):
                piece = body[start : start + 7]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(body)
        # Without a word about it in the head: the client learns of it when it happens.
        if answer.get("close"):
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


def main():
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    print("ready", server.server_address[1], flush=True)
    server.serve_forever()


main()
