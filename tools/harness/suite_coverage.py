# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""How much of the headers the host tests run (tools/coverage): one case."""

from . import TOP, child, lanes, results


def run(choice):
    def run_part(report):
        # The same run of the host tests has counted.
        given = ["--collect"] if "host" in choice.suites else []
        status, said = child.run([TOP / "tools" / "coverage", *given], check=False)
        for line in said.splitlines():
            if line.startswith("coverage: "):
                report.say(line.removeprefix("coverage: "))
        report.case(results.Case("coverage/the headers", "failed" if status else "passed", 0.0, said[-6000:]))
    return run_part


def parts(choice):
    yield lanes.Part("coverage", run(choice), lane="build", after=("host",), tests=("coverage/the headers",))
