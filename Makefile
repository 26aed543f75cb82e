# The commands people type. `make demo` and `make test` are all a newcomer needs.

CARGO ?= cargo
PHP_CONFIG ?= php-config
PREFIX ?= /usr/local
CARGO_TARGET_DIR ?= target

.PHONY: demo demo-apache demo-fpm test build install lint phpt chaos bench microbench instructions scale fuzz test-docker packages clean

# Downloads 200 MB from a PHP script while its only PHP process answers pages.
demo: STACK = cli-server
demo: PURPOSES = cli
# The same on real Apache prefork with mod_php, and on nginx with php-fpm.
demo-apache: STACK = apache
demo-apache: PURPOSES = cli apache
demo-fpm: STACK = fpm
demo-fpm: PURPOSES = cli fpm
demo demo-apache demo-fpm:
	packaging/install-packages.sh build $(PURPOSES)
	$(CARGO) build --release
	$(CARGO) run --release --quiet -p send-file-php-tests --bin send-file-demo -- $(STACK)

# Everything: formatting, lints, unit, property, protocol, phpt and end-to-end tests.
test:
	packaging/install-packages.sh build bench
	php-tests/run-all.sh

build:
	packaging/install-packages.sh build
	$(CARGO) build --release

# What `make build` made: root need not have a toolchain. By rename: a running PHP that has the old file mapped must keep it.
install:
	@test -e $(CARGO_TARGET_DIR)/release/libsend_file.so || { echo 'Run "make build" first, as an ordinary user.' >&2; exit 1; }
	install -d "$(DESTDIR)$$($(PHP_CONFIG) --extension-dir)" "$(DESTDIR)$(PREFIX)/sbin"
	install -m 644 $(CARGO_TARGET_DIR)/release/libsend_file.so "$(DESTDIR)$$($(PHP_CONFIG) --extension-dir)/.send_file.so.new"
	mv -f "$(DESTDIR)$$($(PHP_CONFIG) --extension-dir)/.send_file.so.new" "$(DESTDIR)$$($(PHP_CONFIG) --extension-dir)/send_file.so"
	install -m 755 $(CARGO_TARGET_DIR)/release/send-file-manager "$(DESTDIR)$(PREFIX)/sbin/send-file-manager.new"
	mv -f "$(DESTDIR)$(PREFIX)/sbin/send-file-manager.new" "$(DESTDIR)$(PREFIX)/sbin/send-file-manager"

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# PHP's own test runner on php-tests/phpt.
phpt:
	$(CARGO) build --release
	php-tests/phpt.sh

# Ten thousand downloads of every kind while workers and guardians are killed a thousand times and the manager is
# upgraded and reloaded, then the same on a smaller scale with cells that run out of descriptors; takes some minutes. What is lost, corrupt,
# leaked or left must be 0. `make chaos SEED=1` repeats the plans of a run, ARGS="--raw --kills 50" changes them, and
# ARGS="--debug-manager target/debug/send-file-manager" lets workers die at each place with a name instead.
chaos:
	packaging/install-packages.sh build test
	$(CARGO) build --release --quiet
	$(if $(SEED),SEED=$(SEED)) $(CARGO) run --release --quiet -p send-file-php-tests --bin send-file-chaos -- $(ARGS)
	$(if $(ARGS),,$(if $(SEED),SEED=$(SEED)) $(CARGO) run --release --quiet -p send-file-php-tests --bin send-file-chaos -- --splits --downloads 2000 --kills 200)

# Beside its peers: nginx, Apache, mod_xsendfile, X-Accel-Redirect, lighttpd, readfile(). Writes bench/results/; takes some 20 minutes.
# `make bench ARGS="throughput --rounds 3"` measures a part, ARGS=--smoke only sees whether it works.
bench:
	packaging/install-packages.sh build bench
	$(CARGO) build --release --quiet
	$(CARGO) run --release --quiet -p send-file-bench -- $(ARGS)

# What the parts cost that run without a system call: packets, the HTTP decision, the tables of the event loop; a minute.
# `make microbench ARGS=timers` runs those of that name.
microbench:
	packaging/install-packages.sh build
	$(CARGO) bench -p send-file-wire -p send-file-response -p send-file-manager \
		--bench packets --bench answers --bench tables -- --noplot $(ARGS)

# The instructions and allocations of an offer, a download and a turn, against bench/instructions.txt.
instructions:
	packaging/install-packages.sh build test
	bench/instructions.sh $(ARGS)

# What each of 1,000 to 25,000 downloads at the same time costs, and the lines through it; then the tables alone with a million.
scale:
	packaging/install-packages.sh build test
	$(CARGO) build --release --quiet
	$(CARGO) run --release --quiet -p send-file-php-tests --bin send-file-many -- curve $(ARGS)
	$(CARGO) bench --quiet -p send-file-manager --bench crowd

# Each fuzz target for FUZZ_SECONDS (60) seconds; fails on a finding. More in fuzz/run.sh.
fuzz:
	packaging/install-packages.sh fuzz
	fuzz/run.sh

# Builds the images of docker/ and downloads through each of them.
test-docker:
	docker/test.sh

packages:
	packaging/install-packages.sh build test

clean:
	$(CARGO) clean
