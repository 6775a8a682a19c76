# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Where ktcp is; `make KTCP=...` overrides it.
KTCP ?= @KTCP@
export KTCP
ifneq ($(words $(KTCP)),1)
$(error KTCP='$(KTCP)' cannot be: make takes a space for the end of a name. Move ktcp, or make a link to it)
endif
ifeq ($(wildcard $(KTCP)/module.mk),)
$(error There is no ktcp in $(KTCP). If it was moved, write its folder into ktcp.mk, or say make KTCP=FOLDER)
endif
