# mailtrip in a small image: the program, the libraries that it is linked to, and the certificates it trusts; no shell.
#
#   docker build . -t mailtrip
#   docker run --rm mailtrip demo
#
# See README.md for a configuration and its passwords: they are given to a container, and are never part of the image.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin mailtrip
# What the image is made of. Users and hosts are looked up in files and by DNS, for which the C library needs no others.
RUN install -D target/release/mailtrip /image/usr/local/bin/mailtrip \
    && ldd target/release/mailtrip >linked \
    && grep -o '/[^ ]*' linked >libraries \
    && xargs --arg-file=libraries cp --parents --dereference --target-directory=/image \
    && cp --parents /etc/ssl/certs/ca-certificates.crt /image \
    && echo 'mailtrip:x:10001:10001::/home/mailtrip:/usr/sbin/nologin' >/image/etc/passwd \
    && echo 'mailtrip:x:10001:' >/image/etc/group \
    && echo 'hosts: files dns' >/image/etc/nsswitch.conf \
    && install -d -m 1777 /image/tmp \
    && install -d -o 10001 -g 10001 /image/home/mailtrip

FROM scratch
COPY --from=build /image /
USER 10001:10001
WORKDIR /home/mailtrip
ENV HOME=/home/mailtrip MAILTRIP_CONFIG=/etc/mailtrip/config.toml
ENTRYPOINT ["/usr/local/bin/mailtrip"]
CMD ["--help"]
