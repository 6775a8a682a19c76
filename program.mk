# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# For a Makefile that builds a module's sources, unchanged, as an ordinary program:
#
#	program := NAME
#	module := FOLDER/MODULE		# of MODULE.cpp and MODULE.module.h
#	include PATH-TO-KTCP/program.mk
#
#	make [OUT=...] [SANITIZE=thread|address,undefined]

ifeq ($(origin O),command line)
$(error O=$(O) names a build folder of the kernel. A program's is OUT: make OUT=$(O))
endif

# Before another file is included.
ktcp-include := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))/include
include $(ktcp-include)/../names.mk

OUT ?= .
$(call ktcp-require-names,CURDIR OUT program module)
CXX ?= g++
CXXFLAGS ?= -O2 -g

# The operator new of a coroutine's promise has the handler's arguments. Where g++ does not inline it, g++
# warns that the operator delete does not match.
ktcp-posix := $(ktcp-include)/ktcp/port/posix
# With its checks woven in, gcc takes much for uninitialised that is not.
ktcp-flags := -std=gnu++20 -pthread -Wall -Wextra -Werror -Wno-mismatched-new-delete -I$(ktcp-include) -I$(ktcp-posix)/include \
	      -I$(dir $(module)) -DKTCP_MODULE_NAME='"$(program)"' \
	      -DKTCP_MODULE_LIST='"$(notdir $(module)).module.h"' -MMD \
	      $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -Wno-uninitialized)
objects := $(OUT)/$(program)-module.o $(OUT)/$(program)-port.o $(OUT)/$(program)-main.o

# Written anew when something is built in another way than before.
ktcp-way := $(OUT)/$(program).way
ktcp-command = $(CXX) $(CXXFLAGS) $(ktcp-flags)

$(OUT)/$(program): $(objects)
	$(CXX) $(CXXFLAGS) $(ktcp-flags) -o $@ $^

$(OUT)/$(program)-module.o: $(module).cpp
$(OUT)/$(program)-port.o: $(ktcp-posix)/port.cpp
$(OUT)/$(program)-main.o: $(ktcp-posix)/program.cpp
$(objects): $(ktcp-way)
# -MT: ccache writes a target's path into the list in another way, and make would not know it.
$(objects):
	$(CXX) $(CXXFLAGS) $(ktcp-flags) -MT $@ -c -o $@ $<

$(ktcp-way): FORCE | $(OUT)
	$(if $(filter-out _$(ktcp-command),_$(file <$@)),$(file >$@,$(ktcp-command)))

$(OUT):
	@mkdir -p $@

.PHONY: clean FORCE
clean:
	rm -f $(OUT)/$(program) $(objects) $(objects:.o=.d) $(ktcp-way)

-include $(objects:.o=.d)
