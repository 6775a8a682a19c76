# SPDX-License-Identifier: GPL-2.0-only OR MIT

.DEFAULT_GOAL := help
.PHONY: help run demo new check test host kunit vm browser clients docs vm-debug matrix coverage proof install deb deb-check fresh-check lint bench bench-quick profile editor site kecho khttpd clean

help:
	@echo 'make run      kecho and khttpd in a virtual machine, to talk to: telnet localhost 12345,'
	@echo '              and a browser at http://localhost:8081/ (MODEL=event|softirq|work|thread,'
	@echo '              PARAMS="max_connections=10 ...", HOST_PORT=12345, HTTP_PORT=8081)'
	@echo 'make demo     the same with a scripted conversation, which ends by itself'
	@echo 'make new      a module of your own, to build on: NAME=mything (DIR=../mything)'
	@echo 'make check    the tests: host, coverage, kunit, vm, browser, clients, docs, bench-quick, lint, mutants,'
	@echo '              and of what runs them; but for what takes long (make proof)'
	@echo 'make test     the loop while one works: lint, some of host, at a tenth, and one guest; minutes'
	@echo 'make host     the types and the simulation, in user space'
	@echo 'make kunit    the kernel port and the types, in a User-Mode Linux kernel'
	@echo 'make docs     the documentation: its commands are run, its examples built'
	@echo 'make browser  khttpd before a real browser, without a window'
	@echo 'make clients  khttpd before programs that fetch: apt, git, wget, pip, zsync, proxies ...'
	@echo "make vm       the modules on Debian's kernels, in virtual machines"
	@echo 'make vm-debug the same on a kernel with KASAN, lockdep and more, built first'
	@echo 'make matrix   the same on all kernels but debug ones, as a table'
	@echo 'make coverage how much of the headers the host tests run'
	@echo 'make proof    all the evidence for docs/reliability.md, storms and faults too; hours'
	@echo 'make lint     formatting and static analysis'
	@echo 'make bench    kecho, khttpd, and user-space servers beside them, in virtual machines; long'
	@echo '              (PEER=path/to/other.ko: another echo module on port 12345)'
	@echo 'make bench-quick  only what a change is judged by, against bench/baseline.csv'
	@echo '              (BASE=COMMIT: kecho and khttpd of that commit beside, here and in make bench)'
	@echo 'make profile  where the instructions of a request go: tables and a flame graph in build/profile/'
	@echo '              (SERVER="kecho-event epoll" WORKLOAD=x16 KERNEL="6.1 6.12")'
	@echo 'make install  headers, Kbuild fragment, CMake and pkg-config files, ktcp-new, ktcp-top, khttpd-log, drop-tcp'
	@echo '              (PREFIX=/usr/local DESTDIR=)'
	@echo 'make deb      a DKMS package for Debian, in build/deb/'
	@echo 'make deb-check  installs it in a fresh root of this Debian, uses it, and removes it; long'
	@echo 'make fresh-check  a fresh clone in fresh roots of Debian 12 and 13: the demo and make check; long'
	@echo 'make editor   compile_commands.json, for clangd and other editors'
	@echo 'make site     the documentation and the reference as a site with search, in build/site/html/'
	@echo 'make kecho, make khttpd   only the module, for the running kernel (or KDIR=...)'
	@echo 'make clean    removes what was built (kernels stay in their cache)'

include names.mk
$(call ktcp-require-names,$(if $(filter-out help clean,$(MAKECMDGOALS)),CURDIR) \
	$(if $(filter new,$(MAKECMDGOALS)),NAME DIR) \
	$(if $(filter install,$(MAKECMDGOALS)),PREFIX DESTDIR) \
	$(if $(filter kecho khttpd,$(MAKECMDGOALS)),KDIR))

# Exported where they are given, on the command line or in the environment.
export MODEL PARAMS HOST_PORT HTTP_PORT PEER BASE

# A make that runs a whole suite leaves the jobs to the suite. Without this, each make within it would say
# that it has none.
alone := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL

run:
	@$(alone) tools/run

demo:
	@$(alone) tools/run --demo

new:
	@tools/new '$(NAME)' '$(DIR)'

check:
	@$(alone) tools/check

test:
	@tools/lint
	@tests/host/headers/includes include/ktcp
	@tools/reference
	@$(alone) env KTCP_SEEDS=0.1 tests/host/run --only unit,http,simulation
	@$(alone) tests/vm/run --boot smoke

host kunit vm browser clients docs:
	@$(alone) tests/$@/run

vm-debug:
	@$(alone) tests/vm/run --kernel "$$(tools/release KERNEL)-debug"

matrix:
	@$(alone) tools/matrix

coverage:
	@$(alone) tools/python tools/coverage

proof:
	@$(alone) tools/proof

lint:
	@$(alone) tools/lint

bench:
	@$(alone) tools/python bench/run

bench-quick:
	@$(alone) tools/python bench/run --quick

profile:
	@bench/profile/run $(or $(SERVER),kecho-event) $(or $(WORKLOAD),x16) --kernel $(or $(KERNEL),"$$(tools/release KERNEL)")

editor:
	@$(alone) tools/python tools/editor

site:
	@$(alone) tools/site

PREFIX ?= /usr/local
$(if $(filter install,$(MAKECMDGOALS)),$(if $(PREFIX),,$(error PREFIX= is empty, and nothing is put into the root \
	folder: name a folder, as in PREFIX=/usr/local. Nothing was written)))

install:
	@tools/deps install
	@cmake -S . -B build/install -DKTCP_TESTS=OFF -DCMAKE_INSTALL_PREFIX='$(abspath $(PREFIX))' >/dev/null
	@umask 022 && DESTDIR='$(DESTDIR)' cmake --install build/install

deb:
	@$(alone) tools/deb

deb-check:
	@$(alone) tests/package/run

fresh-check:
	@$(alone) tools/python tests/package/fresh

kecho khttpd:
	@tools/deps build
	$(MAKE) -C examples/$@

clean:
	rm -rf build
	@for each in examples/*/Makefile; do $(MAKE) -C $${each%/*} clean; done
