"""Compare with the spiking libraries themselves: `make peers`.

They are installed without what they depend on (they would bring another torch) into build/peers;
lava-nc, which wants Python 3.10, into an environment of its own, build/lava. What cannot be
installed is left out: its tests are skipped, and the summary says so.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS, LAVA = ROOT / "build" / "peers", ROOT / "build" / "lava"
#: Modules of the extras torch, jax, nir and plot, which the libraries import.
EXTRAS = ("torch", "jax", "nir", "matplotlib")
#: Each line is one library and what its import needs besides.
LIBRARIES = (
    "norse==1.1.0 nirtorch==2.6",
    "snntorch==1.0.0",
    "sinabs==3.1.3",
    "spikingjelly==2.0.0 loguru==0.7.3",
    "nengo==4.1.0",
    "rockpool==3.1.0 pbr==7.1.3",
    "spyx==1.0.0 absl-py==2.5.1 array-record==0.8.6 cloudpickle==3.1.2 etils==1.15.0 "
    "flax==0.12.8 grain==0.2.18 humanize==4.17.0 msgpack==1.2.4 optax==0.2.8 "
    "orbax-checkpoint==0.12.8 portpicker==1.6.0 protobuf==7.36.2 simplejson==4.3.0 "
    "tensorstore==0.1.86 treescope==0.1.10",
)
LAVA_NC = "lava-nc==0.10.0 numpy==1.26.4 scipy==1.15.3 networkx==3.4.2 asteval==1.0.10"
TESTS = (
    "test/python/frontends/test_nir_peers.py",
    "test/python/frontends/test_torch_spiking.py",
    "test/python/spike/test_loihi.py",
)


def install(python, packages, *options):
    """Whether pip installed exactly these packages."""
    command = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
    return not subprocess.run([*map(str, command), *options, *packages.split()]).returncode


def lava():
    """The Python that has lava-nc, or None; PLAIT_LAVA_PYTHON may name it."""
    if "PLAIT_LAVA_PYTHON" in os.environ:
        return os.environ["PLAIT_LAVA_PYTHON"]
    python = LAVA / "bin" / "python"
    if not python.exists():
        base = shutil.which("python3.10")
        if base is None or subprocess.run([base, "-m", "venv", str(LAVA)]).returncode:
            print("== no Python 3.10: without lava-nc", flush=True)
            return None
    return python if install(python, LAVA_NC) else None


def extras():
    """Say what a build with fewer extras lacks; matplotlib brings no other torch: it is fetched."""
    missing = [name for name in EXTRAS if find_spec(name) is None]
    if "matplotlib" in missing:
        command = [sys.executable, "-m", "pip", "install", "-q", "matplotlib"]
        if not subprocess.run(command).returncode:
            missing.remove("matplotlib")
    for name in missing:
        print(f"== without {name}: tests that need it are skipped", flush=True)


def libraries():
    """Install what is not there yet."""
    for packages in LIBRARIES:
        stamp = PEERS / f"{packages.split('=')[0]}.installed"
        if stamp.exists() and stamp.read_text() == packages:
            continue
        if install(sys.executable, packages, "--upgrade", "--target", str(PEERS)):
            stamp.write_text(packages)
        else:
            print(f"== without {stamp.stem}", flush=True)


def main():
    """Install what can be, and run the comparisons; return pytest's exit status."""
    extras()
    libraries()
    path = [os.environ.get("PYTHONPATH", ""), str(PEERS)]  # Ours come first.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    if (python := lava()) is not None:
        environment["PLAIT_LAVA_PYTHON"] = str(python)
    # Nengo's plugin does not know today's pytest; -rP shows versions and counts of spikes.
    command = [sys.executable, "-m", "pytest", "-p", "no:nengo", "-rPs", *TESTS, *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
