"""S3 as others know it: moto's server, and boto3 to look into it. Speaks JSON lines.

Prints where it listens and a key that may enter. Every line of input is one question; ends with its
input.
"""
import base64
import datetime
import ipaddress
import json
import logging
import socket
import ssl
import sys
import tempfile
import threading
import urllib.request

import boto3
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.server import ThreadedMotoServer

BUCKET = "plant-history"


def certificate(name, issuer=None):
    """Certificate and key; an authority without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pipe(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def encrypted(port):
    """A port that speaks TLS, and the authority's certificate in PEM."""
    authority = certificate("test authority")
    own, key = certificate("store", authority)
    pem = own.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = listener.accept()
            try:
                inside = context.wrap_socket(connection, server_side=True)
            except (OSError, ssl.SSLError):
                continue
            outside = socket.create_connection(("127.0.0.1", port))
            for ends in ((inside, outside), (outside, inside)):
                threading.Thread(target=pipe, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    pem = authority[0].public_bytes(serialization.Encoding.PEM).decode()
    return listener.getsockname()[1], pem


def client(service, url, **key):
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", config=Config(retries={"max_attempts": 1}), **key
    )


def main():
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"
    nobody = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client("s3", url, **nobody).create_bucket(Bucket=BUCKET)
    iam = client("iam", url, **nobody)
    iam.create_user(UserName="edge")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="edge", PolicyName="all", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName="edge")["AccessKey"]
    key = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    # From here on every request must be signed with that key.
    reset = urllib.request.Request(f"{url}/moto-api/reset-auth", data=b"0", method="POST")
    reset.add_header("Content-Type", "text/plain")
    urllib.request.urlopen(reset).read()
    s3 = client("s3", url, **key)
    tls_port, authority = encrypted(port)
    print(
        json.dumps(
            {
                "port": port,
                "tls_port": tls_port,
                "authority": authority,
                "bucket": BUCKET,
                "access_key": made["AccessKeyId"],
                "secret_key": made["SecretAccessKey"],
            }
        ),
        flush=True,
    )
    for line in sys.stdin:
        question = json.loads(line)
        name = question.get("key")
        if question["do"] == "list":
            found = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
            answer = []
            for item in found:
                head = s3.head_object(Bucket=BUCKET, Key=item["Key"])
                entry = {"key": item["Key"], "size": item["Size"], "etag": head["ETag"]}
                answer.append(entry | {"type": head["ContentType"], "metadata": head["Metadata"]})
        elif question["do"] == "get":
            body = s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
            answer = base64.b64encode(body).decode()
        elif question["do"] == "put":
            s3.put_object(Bucket=BUCKET, Key=name, Body=base64.b64decode(question["body"]))
            answer = None
        elif question["do"] == "uploads":
            answer = len(s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))
        else:
            raise ValueError(question)
        print(json.dumps(answer), flush=True)


main()
