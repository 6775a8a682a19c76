#!/usr/bin/make -f
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# DKMS runs this in the package's sources (dkms.conf):
#
#	make -f dkms.mk KERNELRELEASE=... KDIR=... DKMS_LOG=...	builds each module
#	./dkms.mk refused KERNELRELEASE=...			says which of those that are installed were not built
#
# DKMS writes words before and behind its one command (-j, KERNELRELEASE=, CC=, LLVM=). So one make builds all
# modules, and hands the words to each.
#
# If a module did not build, DKMS would fail, and with it the installation of that kernel. DKMS 3.0.10 has no
# way to leave a module out. A second try, by one job, takes less memory. If that fails, too, another module takes its
# place, which refuses to be loaded and says why (refused.c).
# DKMS_LOG is where its log of this build will be.

modules := kecho khttpd drop-tcp-socket

# Errors are in English, which the expression below knows. The kernel's make unexports LC_ALL.
export LC_ALL := C
export LC_MESSAGES := C

.PHONY: modules $(modules) refused
modules: $(modules)

$(modules):
	@$(MAKE) -C examples/$@ >$@.log 2>&1 || $(MAKE) -j1 -C examples/$@ >$@.log 2>&1 || \
		$(MAKE) -f dkms.mk refuse-$@ >>$@.log 2>&1; status=$$?; cat $@.log; exit $$status

# The first line of the log that names an error goes into the module. If not even C can be built, it is all of the
# module. modinfo shows it then, and the kernel does not take the file for a module.
refuse-%:
	@mkdir -p examples/$*/refused
	@why=$$(sed -nE '/error: |^ktcp: |not found|\*\*\* /{ s/^ktcp: //; s/[^ -~]//g; s/\.$$//; s/^(.{300}).*/\1 .../; p; q }' $*.log); \
		printf 'not built for Linux %s: %s. The log of the build: %s. %s %s' '$(KERNELRELEASE)' "$${why:-its build failed}" '$(DKMS_LOG)' \
		'The kernels that it is built for: /usr/share/doc/ktcp-dkms/docs/building.md.gz.' \
		'To build it again: dpkg-reconfigure ktcp-dkms' >examples/$*/refused/line
	@cd examples/$*/refused && { sed 's/[\\"]/\\&/g; s/.*/#define KTCP_REFUSED "&"\n/' line; \
		echo '#include "../../../refused.c"'; echo '#include "../$*.module.h"'; } >$*.c
	@printf '%s\n' 'obj-m := $*.o' 'ccflags-y := -I$(CURDIR)/include' >examples/$*/refused/Kbuild
	@$(MAKE) -C $(KDIR) M=$(CURDIR)/examples/$*/refused modules || { cd examples/$*/refused && \
		{ printf refused=; cat line; printf '\0'; } >info && ld -r -b binary -o info.o info && \
		objcopy --rename-section .data=.modinfo,contents,alloc,load,readonly,data info.o $*.ko; }
	@cp examples/$*/refused/$*.ko examples/$*

refused:
	@for each in $(modules); do \
		modinfo -F refused /lib/modules/$(KERNELRELEASE)/updates/dkms/$$each.ko* 2>/dev/null | sed "s/^/$$each: /" >&2; \
	done
