"""Puts one TensorFlow runtime into the cache and removes those that no clone uses any more. Runs under the cache's lock.

    fetch.py CACHE KEY REQUIREMENTS CLONE

The wheels are pinned by hash in REQUIREMENTS and come through the user's own pip, so mirrors and proxies apply; no
Python package is installed. CACHE/KEY appears whole or not at all: it grows as KEY.partial, where a killed run's
wheels are found again, and is renamed at the end.
"""
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile

cache, key, requirements, clone = sys.argv[1:]
place, partial = os.path.join(cache, key), os.path.join(cache, key + ".partial")
# A clone that uses a runtime is written down in the runtime's folder `clones`, under this name.
name = hashlib.sha256(clone.encode()).hexdigest()[:16]

# The wheels are not for this Python: the flags name the platform whatever python3 the user has.
PIP = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:",
       "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
       "--platform", "manylinux_2_27_x86_64", "--platform", "manylinux_2_25_x86_64", "--platform", "manylinux2014_x86_64"]

# What the addon is compiled against and linked with; the libraries find those of NVIDIA at ../nvidia.
WANTED = ("tensorflow/libtensorflow", "tensorflow/include/tensorflow/c/", "tensorflow/include/tensorflow/core/platform/ctstring",
          "tensorflow/include/xla/tsl/c/", "tensorflow/include/tsl/platform/ctstring", "nvidia/")


def fetch():
    wheels = os.path.join(partial, "wheels")
    os.makedirs(wheels, exist_ok=True)
    # Nothing is installed, so a user's "only inside a virtual environment" does not apply.
    subprocess.run(PIP + ["--dest", wheels, "-r", requirements], check=True, env={**os.environ, "PIP_REQUIRE_VIRTUALENV": "0"})
    for wheel in sorted(glob.glob(os.path.join(wheels, "*.whl"))):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(partial, [entry for entry in archive.namelist() if entry.startswith(WANTED) or "LICENSE" in entry])
    shutil.rmtree(wheels)
    os.rename(partial, place)


def clean():
    for other in os.listdir(cache):
        folder = os.path.join(cache, other)
        if other == key or not os.path.isdir(folder):
            continue
        left = os.path.join(folder, "clones", name)
        if os.path.exists(left):
            os.remove(left)
        if other.endswith(".partial") or not any(is_there(user) for user in glob.glob(os.path.join(folder, "clones", "*"))):
            shutil.rmtree(folder)


def is_there(user):
    with open(user, encoding="utf-8") as file:
        return os.path.exists(os.path.join(file.read(), "package.json"))


if not os.path.isdir(place):
    fetch()
os.makedirs(os.path.join(place, "clones"), exist_ok=True)
with open(os.path.join(place, "clones", name), "w", encoding="utf-8") as file:
    file.write(clone)
clean()
