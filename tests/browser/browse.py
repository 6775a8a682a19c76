# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A person's use of khttpd's listing, by Chromium and its WebDriver.

    browse.py PORT SCREENSHOT

Says "ready" when all is as it should be and a connection is kept. Then it reads a line once the server is
gone, and says "gone" when the browser has noticed. Exit code 1, and why, if something is not so.
"""
import sys
import tempfile

sys.dont_write_bytecode = True
from webdriver import Browser   # noqa: E402

PORT, SCREENSHOT = sys.argv[1:]
SITE = f"http://127.0.0.1:{PORT}"


def expect(what, holds):
    if not holds:
        sys.exit(f"browse: {what}")


def arrive(browser, path):
    """At a page of the server's, over HTTP/1.1, with its status."""
    browser.wait_for(path, f"location.pathname == '{path}' && document.readyState == 'complete'")
    entry = browser.script("performance.getEntriesByType('navigation')[0].toJSON()")
    expect(f"{path}: status {entry['responseStatus']}", entry["responseStatus"] == 200)
    expect(f"{path}: {entry['nextHopProtocol']}", entry["nextHopProtocol"] == "http/1.1")
    print(f"{path}", flush=True)


with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    browser = Browser(profile)
    browser.call("POST", "/url", {"url": SITE + "/"})
    arrive(browser, "/")
    names = browser.script("[...document.querySelectorAll('td:first-child a')].map(a => a.textContent)")
    expect(f"the listing shows {names}", names == ["docs/", "examples/", "include/", "README.md"])
    expect("the page is in quirks mode", browser.script("document.compatMode") == "CSS1Compat")
    browser.picture(SCREENSHOT)

    browser.follow("docs/")
    arrive(browser, "/docs/")
    browser.follow("figures/")
    arrive(browser, "/docs/figures/")
    browser.follow("standard.svg")
    arrive(browser, "/docs/figures/standard.svg")
    expect("the picture is none", browser.script("document.documentElement.nodeName") == "svg")
    browser.call("POST", "/back", {})
    arrive(browser, "/docs/figures/")
    browser.follow("../")
    arrive(browser, "/docs/")
    browser.follow("../")
    arrive(browser, "/")
    browser.follow("examples/")
    arrive(browser, "/examples/")
    browser.follow("khttpd/")
    arrive(browser, "/examples/khttpd/")
    browser.follow("khttpd.cpp")
    arrive(browser, "/examples/khttpd/khttpd.cpp")
    expect("the text is another", browser.script("document.body.textContent.includes('KTCP_MODULE_OBJECT')"))

    # The page's own icon: asked for by every browser, and not there.
    missing = browser.script("fetch('/favicon.ico').then(r => r.status)")
    expect(f"a missing file: {missing}", missing == 404)
    print("ready", flush=True)

    sys.stdin.readline()
    lost = browser.script("fetch('/').then(r => r.status, e => 'gone')")
    expect(f"without a server: {lost}", lost == "gone")
    browser.close()
    print("gone", flush=True)
