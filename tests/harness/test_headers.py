# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A build for new headers: each line that is wrong is told once, by its place in ktcp."""

from harness import headers

SAID = """  CC [M]  /out/kecho/kecho-port.o
In file included from /out/kecho/kecho-port.c:2:
/top/examples/kecho/../../include/ktcp/port/linux/socket.c: In function 'ktcp_sock_bind':
/top/examples/kecho/../../include/ktcp/port/linux/socket.c:84:20: error: too few arguments to function 'kernel_bind'
   84 |         return kernel_bind(sock);
      |                ^~~~~~~~~~~
/top/examples/kecho/../../include/ktcp/port/linux/socket.c:84:20: error: too few arguments to function 'kernel_bind'
/usr/src/linux-headers-9-common/include/linux/net.h:5:1: note: declared here
ERROR: modpost: "tcp_abort" [/out/kecho/kecho.ko] undefined!
ktcp: Linux 9.0 lacks set_active_memcg() (5.10), and no module of ktcp can be built for it
make[2]: *** [Makefile:7: /out/kecho] Error 2
"""


def test_each_line_is_told_once_and_by_its_place():
    assert headers.broken(SAID) == [
        "port/linux/socket.c:84: error: too few arguments to function 'kernel_bind'",
        '"tcp_abort" [/out/kecho/kecho.ko] undefined!',
        "ktcp: Linux 9.0 lacks set_active_memcg() (5.10), and no module of ktcp can be built for it"]
    assert headers.broken("  CC [M]  x.o\n  LD [M]  x.ko\n") == []


def test_the_answers_are_those_of_the_build(tmp_path):
    assert headers.answers(tmp_path) == []
    (tmp_path / "ktcp_probes.h").write_text("/* … */\n#define KTCP_HAVE_WQ_PERCPU 1\n#define KTCP_HAVE_PDE_DATA 1\n")
    assert headers.answers(tmp_path) == ["WQ_PERCPU", "PDE_DATA"]
