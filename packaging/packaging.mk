# From programs to what people install. Part of the Makefile; needs a POSIX shell.

# Where `make install` puts things, with DESTDIR in front for whoever packs them.
PREFIX =
SYSCONFDIR =
DESTDIR =
# The directory of the programs to install, of the same for this machine, and what strips them.
PROGRAMS =
NATIVE =
STRIP =

prefix = $(or $(value PREFIX),/usr/local)
sysconfdir = $(or $(value SYSCONFDIR),$(if $(filter /usr,$(prefix)),/etc,$(prefix)/etc))
programs = $(or $(value PROGRAMS),$(CARGO_TARGET_DIR)/release)
version = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

# Builds only if nothing is built, since under sudo there is often no cargo.
install: $(if $(wildcard $(programs)/chatshelf-server),,build) ## Install what make build has built [PREFIX=/usr/local SYSCONFDIR= DESTDIR=]
	@$(placed) packaging/install.sh install $(call quote,$(programs))

uninstall: ## Remove what make install has installed, with the same PREFIX, SYSCONFDIR and DESTDIR
	@$(placed) packaging/install.sh uninstall $(call quote,$(programs))
placed = PREFIX=$(call quote,$(prefix)) SYSCONFDIR=$(call quote,$(sysconfdir)) \
	DESTDIR=$(call quote,$(value DESTDIR)) STRIP=$(call quote,$(or $(value STRIP),strip)) \
	NATIVE=$(call quote,$(value NATIVE))

# For the Debian or Ubuntu of this machine, and newer ones.
deb: build share cargo-deb ## Pack the programs for Debian and Ubuntu into target/debian
	@packaging/debian/build.sh $(call quote,$(CARGO_TARGET_DIR)) $(version)-1 \
		$(call quote,$(CARGO_TARGET_DIR)/debian)
cargo_deb = $(CARGO_TARGET_DIR)/cargo-deb
cargo-deb: toolchain
	@$(if $(wildcard $(cargo_deb)/bin/cargo-deb),,$(CARGO) install --locked cargo-deb --version 3.8.0 \
		--root $(call quote,$(cargo_deb)) --target-dir $(call quote,$(cargo_deb)/build) && \
		rm -r $(call quote,$(cargo_deb)/build))

test-deb: deb ## Install, run, upgrade and purge the packages in a fresh Debian under systemd (root or sudo)
	$(call needs,mmdebstrap,packages are installed,mmdebstrap)
	$(call needs,systemd-nspawn,packages are installed,systemd-container)
	@packaging/debian/test.sh $(call quote,$(CARGO_TARGET_DIR)) $(version)

# $(call needs,COMMAND,WHAT IS DONE,PACKAGES): fails if a command is not here, and says how to get it.
needs = @$(if $(shell command -v $(1) 2>$(null)),,$(error $(2) by $(1), which is not here: install it (on Debian: \
	apt-get install $(3))))

.PHONY: install uninstall deb cargo-deb test-deb
