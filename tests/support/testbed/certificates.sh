# Makes, in the folder $1, a certificate authority (ca.pem), the certificate of the servers, and three bad ones.
set -e
cd "$1"

authority() { # name, common name
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -days 3650 \
        -subj "/CN=$2" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}

certificate() { # name, authority, names it is for, days
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" \
        -subj "/CN=mail.test.example"
    printf '%s\n' "subjectAltName=$3" basicConstraints=CA:FALSE extendedKeyUsage=serverAuth keyUsage=digitalSignature \
        subjectKeyIdentifier=hash authorityKeyIdentifier=keyid >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -extfile "$1.ext" -out "$1.pem" -days "$4"
    cat "$1.pem" "$2.pem" >"$1-chain.pem"
    rm "$1.csr" "$1.ext"
}

authority ca "mailtrip test CA"
authority unrelated "unrelated CA"
certificate server ca DNS:localhost,DNS:mail.test.example,IP:127.0.0.1,IP:127.0.0.5 825
certificate untrusted unrelated DNS:localhost,DNS:mail.test.example,IP:127.0.0.2 825
certificate expired ca DNS:localhost,DNS:mail.test.example,IP:127.0.0.3 -1
certificate wrongname ca DNS:other.example 825
chmod 644 ./*.key
