# nginx with php-fpm and send_file. Build it from the root of the repository:
#   docker build -f docker/fpm-nginx.Dockerfile -t send-file-fpm-nginx .

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
COPY packaging/install-packages.sh /tmp/
RUN /tmp/install-packages.sh fpm && rm -rf /tmp/install-packages.sh /var/lib/apt/lists/*
COPY --from=build /out/usr/lib/php /usr/lib/php
COPY docker/send_file.ini /etc/php/8.2/mods-available/
COPY docker/sample/index.php /var/www/html/
COPY docker/fpm-nginx/nginx.conf /etc/nginx/
COPY packaging/send-file.nginx.conf /etc/nginx/snippets/send-file.conf
COPY docker/fpm-nginx/pool.conf /etc/php/8.2/fpm/pool.d/zz-container.conf
COPY docker/serve.sh /usr/local/sbin/serve
RUN phpenmod send_file \
    && mkdir -p /run/php /srv/files \
    && seq 200000 > /srv/files/sample.txt

EXPOSE 80
CMD ["serve", "QUIT", "php-fpm8.2 --nodaemonize", "nginx"]
