# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Where ktcp is; `make KTCP=...` overrides it.
KTCP ?= @KTCP@
export KTCP
