# Apache prefork with mod_php and send_file. Build it from the root of the repository:
#   docker build -f docker/apache.Dockerfile -t send-file-apache .

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
RUN /tmp/install-packages.sh apache && rm -rf /tmp/install-packages.sh /var/lib/apt/lists/*
COPY --from=build /out/usr/lib/php /usr/lib/php
COPY docker/send_file.ini /etc/php/8.2/mods-available/
COPY docker/sample/index.php /var/www/html/
COPY docker/apache/site.conf /etc/apache2/sites-available/000-default.conf
COPY docker/serve.sh /usr/local/sbin/serve
RUN phpenmod send_file \
    && rm /var/www/html/index.html \
    && mkdir -p /run/apache2 /srv/files \
    && seq 200000 > /srv/files/sample.txt

EXPOSE 80
# The process file is one that a killed container left behind.
CMD ["sh", "-c", ". /etc/apache2/envvars && rm -f $APACHE_PID_FILE && exec serve WINCH 'apache2 -D FOREGROUND'"]
