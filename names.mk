# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# For Makefiles: the names of files and folders that make, the shell and the kernel's build all take
# for one name. To none of them is there a way to quote every other character.
#
#	include PATH-TO-KTCP/names.mk
#	$(call ktcp-require-names,OUT KDIR)
#
# stops, before anything is written, with the variable and the character that cannot be in it.

ktcp-nothing :=
ktcp-space := $(ktcp-nothing) $(ktcp-nothing)
ktcp-tab := $(ktcp-nothing)	$(ktcp-nothing)
define ktcp-newline


endef
ktcp-hash := \#
ktcp-backslash := \$(ktcp-nothing)
ktcp-refused := & | ; < > ( ) ` " ' $(ktcp-hash) : % * ? [ ] { } $(ktcp-backslash) , = $$

# The value of variable $(1), unexpanded where it is not a Makefile's.
ktcp-value = $(if $(filter file default undefined automatic,$(firstword $(origin $(1)))),$($(1)),$(value $(1)))

# The characters of $(1) that are refused: words for them, or nothing.
ktcp-refused-in = $(or \
	$(if $(findstring $(ktcp-space),$(1)),a space), \
	$(if $(findstring $(ktcp-tab),$(1)),a tab), \
	$(if $(findstring $(ktcp-newline),$(1)),a line end), \
	$(firstword $(foreach each,$(ktcp-refused),$(findstring $(each),$(1)))))

ktcp-require-name = $(if $(call ktcp-refused-in,$(2)),$(error $(1)='$(2)' cannot be: there is $(strip \
	$(call ktcp-refused-in,$(2))) in it, and neither make nor the kernel's build takes that in a name. \
	Use letters, digits and / . _ - + @. Nothing was written))

ktcp-require-names = $(foreach name,$(1),$(call ktcp-require-name,$(name),$(call ktcp-value,$(name))))

# For scripts: `NAME=VALUE make -f names.mk ktcp-names NAMES=NAME`
.PHONY: ktcp-names
ifeq ($(MAKECMDGOALS),ktcp-names)
$(call ktcp-require-names,$(NAMES))
ktcp-names: ;
endif
