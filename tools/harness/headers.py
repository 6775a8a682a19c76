# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Tells within minutes which lines of ktcp do not go with the headers of a new kernel. Nothing is booted.

    tools/headers [KERNEL...]

KERNEL is one of tools/kernel's, as 5.10 (the newest of the backports, if none is named). The example modules are
built for it. It shows the lines of ktcp that the compiler complains of, and the questions of port/linux/probes.c
that the kernel answers with yes.
"""

import re

from . import TOP, child, given, kernel, lanes

MODULES = ("kecho", "khttpd", "drop-tcp-socket")
OUT = TOP / "build" / "headers"
LEFT = re.compile(r"(?:\S*/include/ktcp/)?(\S+?:\d+):\d+: (?:fatal )?((?:error|warning): .*)|"
                  r"(?:ERROR|WARNING): modpost: (.*)|(ktcp: .*)")


def broken(text):
    """The lines of a build's output that say what is wrong, each once."""
    found = []
    for line in text.splitlines():
        if match := LEFT.match(line.strip()):
            found.append(f"{match[1]}: {match[2]}" if match[1] else match[3] or match[4])
    return list(dict.fromkeys(found))


def answers(out):
    """The questions that the kernel answers with yes."""
    file = out / "ktcp_probes.h"
    return re.findall(r"#define KTCP_HAVE_(\S+) 1", file.read_text(encoding="utf-8")) if file.exists() else []


def headers(name):
    """Builds the modules for a kernel, and says what came of it; whether all is well."""
    one = kernel.get(name)
    print(f"=== {name}: Linux {one.release}, {one.architecture}, built by {one.compiler}", flush=True)
    good, said = True, []
    for module in MODULES:
        out = OUT / name / module
        child.run(["rm", "-rf", out])
        out.mkdir(parents=True)
        status, text = child.run(one.make(TOP / "examples" / module, out, f"-j{lanes.PROCESSORS}", "-k"),
                                 log=OUT / name / f"{module}.log", check=False)
        wrong = broken(text)
        good &= not status and not wrong
        said += wrong
        print(f"{module}: {'builds' if not status else 'does not build'}, {len(wrong)} lines about it; all of it: "
              f"{OUT / name / f'{module}.log'}", flush=True)
    print("".join(f"    {line}\n" for line in dict.fromkeys(said)), end="")
    print("it has: " + (" ".join(answers(OUT / name / MODULES[0])).lower() or "nothing that was asked for"))
    return good


def main(arguments):
    """tools/headers."""
    parser = given.Parser(__doc__)
    parser.add_argument("kernels", nargs="*", type=kernel.known, metavar="KERNEL")
    asked = parser.parse_args(arguments)
    return 0 if all([headers(each) for each in asked.kernels or ["backports"]]) else 1
