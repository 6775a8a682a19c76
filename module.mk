# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# For the Makefile of a module's folder: `include PATH-TO-KTCP/module.mk`.
#
#	make [KDIR=...] [OUT=...]	build the module
#	make clean [OUT=...]
#
# KDIR is the kernel to build for: its headers' build folder, or a build tree (default: the
# running kernel's). OUT is where to build (default: here); several may build at once.

include $(dir $(lastword $(MAKEFILE_LIST)))names.mk

KDIR ?= /lib/modules/$(shell uname -r)/build
OUT ?= $(CURDIR)

$(call ktcp-require-names,CURDIR OUT KDIR)

# For a program that tests the handler of NAME.cpp without a kernel: ktcp/test/stream.hpp.
ktcp-headers := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))/include
# gcc, with its checks woven in, takes much for uninitialised that is not.
ktcp-unit-flags = -std=gnu++20 -O1 -g -pthread -Wall -Wextra -Wno-maybe-uninitialized -fsanitize=address,undefined \
	-I. -I$(ktcp-headers) -I$(ktcp-headers)/ktcp/port/posix/include \
	-DKTCP_MODULE_NAME='"$(patsubst %.module.h,%,$(wildcard *.module.h))"' -DKTCP_MODULE_LIST='"$(wildcard *.module.h)"'

ktcp-folder := $(CURDIR)
# Behind $(MAKE), which stands in each recipe's own text: make looks for it there when it decides
# who may share its jobs.
ktcp-kernel = -C $(KDIR) M=$(abspath $(OUT)) --no-print-directory

# The kernel's own name for a build folder means another thing there.
ifeq ($(origin O),command line)
$(error O=$(O) names a build folder of the kernel. A module's is OUT: make OUT=$(O))
endif

.PHONY: modules clean FORCE

modules: $(if $(filter-out $(CURDIR),$(abspath $(OUT))),$(OUT)/Kbuild)
	@test -e $(KDIR)/Makefile || { \
		echo "No kernel headers in $(KDIR)." >&2; \
		echo "Install those of your kernel (Debian: linux-headers-$$(uname -r))," >&2; \
		echo "or name a kernel's build folder: make KDIR=FOLDER" >&2; exit 1; }
	@$(MAKE) $(ktcp-kernel) modules

# Without the kernel's headers as well: they may be gone before what was built for them is.
clean:
	@test ! -e $(KDIR)/Makefile || test ! -e $(OUT)/Kbuild || $(MAKE) $(ktcp-kernel) clean
	@test -e $(KDIR)/Makefile || rm -f $(addprefix $(OUT)/,*.o *.ko *.mod *.mod.c .*.cmd .*.d *.s \
		*-port.c ktcp_layout.h ktcp_probes.h modules.order Module.symvers)

# Elsewhere, the kernel's make finds a Kbuild that leads it back to the sources; written anew
# when it leads to others.
ktcp-kbuild := ktcp-src := $(ktcp-folder)\ninclude $(ktcp-folder)/Kbuild\n
$(OUT)/Kbuild: FORCE
	@mkdir -p $(@D)
	@printf '$(ktcp-kbuild)' | cmp -s - $@ || printf '$(ktcp-kbuild)' > $@
