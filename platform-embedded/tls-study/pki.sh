#!/bin/sh
# Makes a root and a server's certificate on P-256 in target/pki, for ten years.
set -e
cd "$(dirname "$0")"
mkdir -p target/pki
cd target/pki
[ -f pin ] && exit 0
openssl ecparam -name prime256v1 -genkey -noout -out root.key
openssl req -x509 -new -key root.key -subj '/CN=study root' -days 3650 -out root.pem \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
openssl x509 -in root.pem -outform der -out root.der
openssl ecparam -name prime256v1 -genkey -noout -out leaf.key
openssl req -new -key leaf.key -subj '/CN=server.test' -out leaf.csr
printf 'subjectAltName=DNS:server.test\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n' > leaf.ext
openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 3650 \
    -extfile leaf.ext -out leaf.pem
openssl ec -in leaf.key -pubout -outform der | openssl dgst -sha256 -binary > pin
