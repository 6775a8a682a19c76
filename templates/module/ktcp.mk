# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Where ktcp is; `make KTCP=...` overrides it.
KTCP ?= @KTCP@
export KTCP
ifeq ($(wildcard $(KTCP)/module.mk),)
$(error There is no ktcp in $(KTCP). If it was moved, write its folder into ktcp.mk, or say make KTCP=FOLDER)
endif
