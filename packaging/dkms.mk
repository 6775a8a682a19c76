#!/usr/bin/make -f
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# DKMS runs this in the package's sources (dkms.conf):
#
#	make -f dkms.mk KERNELRELEASE=... KDIR=...	builds each module
#
# DKMS writes words before and behind its one command (-j, KERNELRELEASE=, CC=, LLVM=). So one make builds all
# modules, and hands the words to each.

modules := kecho khttpd drop-tcp-socket

.PHONY: modules $(modules)
modules: $(modules)

$(modules):
	@$(MAKE) -C examples/$@
