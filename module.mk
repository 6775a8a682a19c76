# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# For the Makefile of a module's folder: `include PATH-TO-KTCP/module.mk`.
#
#	make [KDIR=...] [OUT=...]	build the module
#	make clean [OUT=...]
#
# KDIR is the kernel to build for: its headers' build folder, or a build tree (default: the
# running kernel's). OUT is where to build (default: here); several may build at once.

KDIR ?= /lib/modules/$(shell uname -r)/build
OUT ?= $(CURDIR)

ktcp-folder := $(CURDIR)
ktcp-make = $(MAKE) -C $(KDIR) M=$(abspath $(OUT)) --no-print-directory

.PHONY: modules clean FORCE

modules: $(if $(filter-out $(CURDIR),$(abspath $(OUT))),$(OUT)/Kbuild)
	@test -e $(KDIR)/Makefile || { \
		echo "No kernel headers in $(KDIR)." >&2; \
		echo "Install those of your kernel (Debian: linux-headers-$$(uname -r))," >&2; \
		echo "or name a kernel's build folder with KDIR=." >&2; exit 1; }
	@$(ktcp-make) modules

clean:
	@test ! -e $(OUT)/Kbuild || $(ktcp-make) clean

# Elsewhere, the kernel's make finds a Kbuild that leads it back to the sources; written anew
# when it leads to others.
ktcp-kbuild := ktcp-src := $(ktcp-folder)\ninclude $(ktcp-folder)/Kbuild\n
$(OUT)/Kbuild: FORCE
	@mkdir -p $(@D)
	@printf '$(ktcp-kbuild)' | cmp -s - $@ || printf '$(ktcp-kbuild)' > $@
