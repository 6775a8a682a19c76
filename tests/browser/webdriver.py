# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Chromium without a window, by its WebDriver."""

import base64
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

SECONDS = 120  # for one step, however busy the machine is


class Browser:
    """The few commands of WebDriver (w3.org/TR/webdriver) that are needed."""

    def __init__(self, profile, width=900, height=480):
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
                f"--window-size={width},{height}", f"--user-data-dir={profile}",
            ],
        }
        if width < 500:   # no window is so narrow: a phone
            options["mobileEmulation"] = {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1.0}}
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
            if time.monotonic() > end:
                sys.exit(f"browse: {what} does not come about")
            time.sleep(0.1)

    def picture(self, file):
        pathlib.Path(file).write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        self.call("DELETE", "")
        self.driver.terminate()
        self.driver.wait()
