# The manager, which needs nothing but the folder of its socket. Build it from the root of the repository:
#   docker build -f docker/manager.Dockerfile -t send-file-manager .

# The same in all three Dockerfiles, so that an engine with a layer cache compiles once.
FROM docker.io/library/rust:1-bookworm AS build
WORKDIR /src
COPY packaging/install-packages.sh packaging/
RUN packaging/install-packages.sh build
COPY Makefile Cargo.toml Cargo.lock ./
COPY response response
COPY wire wire
COPY php-ext php-ext
COPY manager manager
COPY fuzz fuzz
COPY php-tests php-tests
RUN make build install DESTDIR=/out && rm -r target

FROM docker.io/library/debian:bookworm-slim
# A fresh volume mounted over the folder takes over its owner.
RUN useradd --system --no-create-home --shell /usr/sbin/nologin send-file \
    && install -d -o send-file -g send-file /run/send-file
COPY --from=build /out/usr/local/sbin/send-file-manager /usr/local/sbin/
USER send-file
VOLUME /run/send-file
ENTRYPOINT ["send-file-manager"]
# PHP runs as www-data in the other containers; uid 33 is that of Debian and of the official PHP images.
CMD ["--allow-uid", "33", "--log-format", "json"]
