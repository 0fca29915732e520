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

# Builds only if nothing is built, since under sudo there is often no cargo.
install: $(if $(wildcard $(programs)/chatshelf-server),,build) ## Install what make build has built [PREFIX=/usr/local SYSCONFDIR= DESTDIR=]
	@$(placed) packaging/install.sh install $(call quote,$(programs))

uninstall: ## Remove what make install has installed, with the same PREFIX, SYSCONFDIR and DESTDIR
	@$(placed) packaging/install.sh uninstall $(call quote,$(programs))
placed = PREFIX=$(call quote,$(prefix)) SYSCONFDIR=$(call quote,$(sysconfdir)) \
	DESTDIR=$(call quote,$(value DESTDIR)) STRIP=$(call quote,$(or $(value STRIP),strip)) \
	NATIVE=$(call quote,$(value NATIVE))

.PHONY: install uninstall
