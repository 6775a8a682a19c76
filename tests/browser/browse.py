# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What a person does with khttpd's listing, by Chromium and its WebDriver.

    browse.py PORT SCREENSHOT

Says "ready" when all is as it should be and a connection is kept, reads a line once the server is
gone, and says "gone" when the browser has noticed. Exit code 1, and why, if something is not so.
"""
import base64
import json
import subprocess
import sys
import tempfile
import time
import urllib.request

PORT, SCREENSHOT = sys.argv[1:]
SITE = f"http://127.0.0.1:{PORT}"
SECONDS = 120  # for one step, however busy the machine is


def expect(what, holds):
    if not holds:
        sys.exit(f"browse: {what}")


class Browser:
    """The few commands of WebDriver (w3.org/TR/webdriver) that are needed."""

    def __init__(self, profile):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for line in self.driver.stdout:
            if "on port " in line and "successfully" in line:
                self.at = "http://127.0.0.1:" + line.rsplit("on port ", 1)[1].strip(" .\n")
                break
        else:
            sys.exit("browse: chromedriver does not start")
        options = {
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--disable-extensions", "--disable-default-apps",
                "--window-size=900,480", f"--user-data-dir={profile}",
            ],
        }
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "timeouts": {"pageLoad": SECONDS * 1000, "script": SECONDS * 1000},
        }
        made = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.at += "/session/" + made["sessionId"]

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.at + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            sys.exit(f"browse: {method} {path}: {json.load(error)['value']['message'][:400]}")

    def script(self, text):
        return self.call("POST", "/execute/sync", {"script": "return " + text, "args": []})

    def follow(self, text):
        found = self.call("POST", "/element", {"using": "link text", "value": text})
        self.call("POST", f"/element/{next(iter(found.values()))}/click", {})

    def wait_for(self, what, script):
        end = time.monotonic() + SECONDS
        while not self.script(script):
            expect(f"{what} does not come about", time.monotonic() < end)
            time.sleep(0.1)

    def close(self):
        self.call("DELETE", "")
        self.driver.terminate()
        self.driver.wait()


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
    with open(SCREENSHOT, "wb") as file:
        file.write(base64.b64decode(browser.call("GET", "/screenshot")))

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
