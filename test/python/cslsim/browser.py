"""A real browser for the test of the trace page: one on PATH, or the one that this fetches.

``make browser`` (``python test/python/cslsim/browser.py``) unpacks Chromium's headless shell from
the npm package @sparticuz/chromium (68 MB, MIT) under build/browser, if PATH has no Chromium and
there is npm. The package has no file for ``--dump-dom``, so that pages are read through the
DevTools protocol, over a pipe.
"""

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PACKAGE = "@sparticuz/chromium@147.0.0"
FOLDER = Path(__file__).parents[3] / "build" / "browser"
UNPACK = """
const fs = require("fs"), zlib = require("zlib");
fs.createReadStream(process.argv[1]).pipe(zlib.createBrotliDecompress())
  .pipe(fs.createWriteStream(process.argv[2]));
"""


def find():
    """The path of a browser, or None."""
    fetched = FOLDER / "chromium"
    return next(filter(None, map(shutil.which, NAMES)), str(fetched) if fetched.exists() else None)


def fetch():
    """Unpack the package's browser, and the libraries it needs where a system has none."""
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=work, check=True)
        with tarfile.open(next(work.glob("*.tgz"))) as package:
            for name in ("chromium.br", "al2023.tar.br"):
                (work / name).write_bytes(package.extractfile(f"package/bin/{name}").read())
                command = ["node", "-e", UNPACK, work / name, work / name.removesuffix(".br")]
                subprocess.run(command, check=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tarfile.open(work / "al2023.tar") as libraries:
            libraries.extractall(FOLDER, filter="data")
        (work / "chromium").chmod(0o755)
        shutil.move(work / "chromium", FOLDER / "chromium")


class Page:
    """A page in a browser of its own; ``with Page(browser, url) as page: page.dom()``."""

    def __init__(self, browser, url):
        """Open ``url`` in the program ``browser``."""
        read, self._to = os.pipe()
        self._from, write = os.pipe()
        # The browser reads from 3 and writes to 4, which may be among these.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (read, write)]
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        flags = ["--headless", "--no-sandbox", "--no-zygote", "--disable-gpu", "--no-first-run"]
        flags += ["--disable-background-networking", "--disable-component-update"]
        flags += ["--window-size=1400,1000", f"--user-data-dir={self._profile.name}"]
        own = Path(browser).parent == FOLDER
        libraries = {"LD_LIBRARY_PATH": str(FOLDER / "lib")} if own else {}
        self._process = subprocess.Popen(
            [browser, *flags, "--remote-debugging-pipe", "about:blank"],
            env=dict(os.environ, **libraries),
            preexec_fn=lambda: (os.dup2(ends[0], 3), os.dup2(ends[1], 4)),
            close_fds=False,
            stderr=subprocess.DEVNULL,
        )
        for fd in (read, write, *ends):
            os.close(fd)
        self._sent, self._rest, self._session = 0, b"", None
        target = self._call("Target.createTarget", url=url)["targetId"]
        found = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def _call(self, method, **params):
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                answers = select.select([self._from], [], [], 120)[0]
                more = os.read(self._from, 1 << 16) if answers else b""
                if not more:
                    raise RuntimeError("the browser does not answer")
                self._rest += more
            text, self._rest = self._rest.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self._sent:
                return answer["result"]

    def dom(self):
        """The page's elements after its script has run."""
        ready = 'location.protocol == "file:" && document.readyState == "complete"'
        expression = f'{ready} ? document.documentElement.outerHTML : ""'
        for _ in range(600):
            text = self._call("Runtime.evaluate", expression=expression)["result"].get("value")
            if text:
                return text
            time.sleep(0.1)
        raise RuntimeError("the page does not load")


if __name__ == "__main__":
    if find():
        print(f"browser: {find()}")
    elif shutil.which("npm") and shutil.which("node"):
        fetch()
        print(f"browser: {find()}")
    else:
        sys.exit(f"no browser: none of {', '.join(NAMES)}, and no npm to fetch one with")
