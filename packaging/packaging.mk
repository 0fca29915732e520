# From programs to what people install. Part of the Makefile; needs a POSIX shell.

# Where `make install` puts things, with DESTDIR in front for whoever packs them.
PREFIX =
SYSCONFDIR =
DESTDIR =
# The directory of the programs to install, one of the same for this machine, and what strips them.
PROGRAMS =
NATIVE =
STRIP =
# What `make static` builds for.
ARCHS =
# The tag that is released.
TAG =

prefix = $(or $(value PREFIX),/usr/local)
sysconfdir = $(or $(value SYSCONFDIR),$(if $(filter /usr,$(prefix)),/etc,$(prefix)/etc))
programs = $(or $(value PROGRAMS),$(CARGO_TARGET_DIR)/release)
archs = $(or $(value ARCHS),x86_64 aarch64)
machine = $(shell uname -m)
version = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# Largest server, stripped. TLS takes 0.6 MiB of it, HTTP with the page 0.5, multicast DNS 0.3,
# passwords and operators 0.15, what std prints of a panic 0.1.
server_bytes_max = 4718592

# Builds only if nothing is built, since under sudo there is often no cargo.
install: $(if $(wildcard $(programs)/chatshelf-server),,build) ## Install what make build has built [PREFIX=/usr/local SYSCONFDIR= DESTDIR=]
	@$(placed) packaging/install.sh install $(call quote,$(programs))

uninstall: ## Remove what make install has installed, with the same PREFIX, SYSCONFDIR and DESTDIR
	@$(placed) packaging/install.sh uninstall $(call quote,$(programs))
placed = PREFIX=$(call quote,$(prefix)) SYSCONFDIR=$(call quote,$(sysconfdir)) \
	DESTDIR=$(call quote,$(value DESTDIR)) STRIP=$(call quote,$(or $(value STRIP),strip)) \
	NATIVE=$(call quote,$(value NATIVE))

# For the Debian or Ubuntu of this machine, and newer ones.
deb: build share cargo-deb ## Pack the programs for Debian and Ubuntu into target/deb
	@packaging/debian/build.sh $(call quote,$(CARGO_TARGET_DIR)) $(version)-1 \
		$(call quote,$(CARGO_TARGET_DIR)/deb)
cargo_deb = $(CARGO_TARGET_DIR)/cargo-deb
cargo-deb: toolchain
	@$(if $(wildcard $(cargo_deb)/bin/cargo-deb),,$(CARGO) install --locked cargo-deb --version 3.8.0 \
		--root $(call quote,$(cargo_deb)) --target-dir $(call quote,$(cargo_deb)/build) && \
		rm -r $(call quote,$(cargo_deb)/build))

test-deb: deb ## Install, run, upgrade and purge the packages in a fresh Debian under systemd (root or sudo)
	$(call needs,mmdebstrap,packages are installed,mmdebstrap)
	$(call needs,systemd-nspawn,packages are installed,systemd-container)
	@packaging/debian/test.sh $(call quote,$(CARGO_TARGET_DIR)) $(version)

# One file each that runs on any Linux: the release, stripped, with musl for its C library.
static: $(addprefix static-,$(archs)) ## Build programs that run on any Linux [ARCHS="x86_64 aarch64"]
$(addprefix static-,$(archs)): static-%: toolchain musl-%
	$(musl_env) $(CARGO) build $(musl_options) -p chatshelf-server
	$(musl_env) $(CARGO) build $(musl_options) -p chatshelf-client
	@packaging/sizes.sh $(server_bytes_max) $(call quote,$(call musl_dir,$*))
musl_dir = $(CARGO_TARGET_DIR)/$(1)-unknown-linux-musl/release
# Packed, the relocations of such a program take a twentieth of their usual 200 KiB.
musl_options = --release --locked --target $*-unknown-linux-musl --config profile.release.strip=true \
	--config profile.release.debug=false --config 'target.$*-unknown-linux-musl.linker="rust-lld"' \
	--config 'target.$*-unknown-linux-musl.rustflags=["-Clink-arg=--pack-dyn-relocs=relr"]'
# BLAKE3 and ring have some C. Its compiler is musl's own for this machine's processor. For another one it is
# the cross compiler of the GNU C library, kept away from functions that only that library has.
musl_env = CC_$*_unknown_linux_musl=$(call musl_cc,$*) AR_$*_unknown_linux_musl=$(call musl_ar,$*) \
	CFLAGS_$*_unknown_linux_musl=-U_FORTIFY_SOURCE
musl_cc = $(if $(call is_native,$(1)),musl-gcc,$(1)-linux-gnu-gcc)
musl_ar = $(if $(call is_native,$(1)),ar,$(1)-linux-gnu-ar)
musl_packages = $(if $(call is_native,$(1)),musl-tools,$(subst _,-,gcc-$(1)-linux-gnu) \
	libc6-dev-$(call debian_arch,$(1))-cross)
debian_arch = $(subst x86_64,amd64,$(subst aarch64,arm64,$(1)))
is_native = $(filter $(1),$(machine))
$(addprefix musl-,$(archs)): musl-%:
	$(call needs,$(call musl_cc,$*),the C of static programs is compiled,$(call musl_packages,$*))
	$(call rust_target,$*-unknown-linux-musl)

test-static: static ## Let those programs talk and move files, foreign ones under qemu-user
	$(foreach arch,$(archs),$(if $(call is_native,$(arch)),,$(call needs,qemu-$(arch),programs for $(arch) \
		are tried,qemu-user)))
	@set -e; $(foreach arch,$(archs),packaging/session.sh $(if $(call is_native,$(arch)),'',qemu-$(arch)) \
		$(call quote,$(call musl_dir,$(arch)));)

image: static ## Build a container image with those programs (buildah)
	$(call needs,buildah,images are built,buildah)
	@packaging/image.sh $(call quote,$(CARGO_TARGET_DIR)) $(version) $(archs)

test-image: image ## Run that image, check its health, and join it
	@packaging/test-image.sh $(version) $(call quote,$(call musl_dir,$(machine))/chatshelf)

# On Linux for Linux and Windows; a Mac packs what it has built.
archives: $(if $(is_mac),build,static windows) ## Pack programs for people who have no Rust into target/archives
	$(if $(is_mac),,$(call needs,zip,programs for Windows are packed,zip))
	@packaging/archives.sh $(call quote,$(CARGO_TARGET_DIR)) $(version) $(if $(is_mac),,$(archs))
is_mac = $(filter Darwin,$(shell uname -s 2>$(null)))

checksums: ## Write the SHA-256 of all that is in target/archives beside it
	@cd $(call quote,$(CARGO_TARGET_DIR)/archives) && rm -f SHA256SUMS && sha256sum -- * > SHA256SUMS.new && \
		mv SHA256SUMS.new SHA256SUMS && cat SHA256SUMS

publish: checksums ## Draft a release of target/archives on GitHub [TAG=] (gh)
	@$(if $(filter v$(version),$(value TAG)),,$(error TAG=$(value TAG) is not v$(version), the version in Cargo.toml))
	gh release create $(call quote,$(value TAG)) --draft --verify-tag --generate-notes \
		$(call quote,$(CARGO_TARGET_DIR)/archives)/*

# $(call needs,COMMAND,WHAT IS DONE,PACKAGES): fails if a command is not here, and says how to get it.
needs = @$(if $(shell command -v $(1) 2>$(null)),,$(error $(2) by $(1), which is not here: install it (on Debian: \
	apt-get install $(3))))

.PHONY: install uninstall deb cargo-deb test-deb static test-static image test-image archives checksums publish \
	 $(foreach arch,$(archs),static-$(arch) musl-$(arch))
