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
            archive.extractall(partial, [name for name in archive.namelist() if name.startswith(WANTED) or "LICENSE" in name])
        os.remove(wheel)
    shutil.rmtree(wheels)
    os.rename(partial, place)


def clean():
    for other in os.listdir(cache):
        folder = os.path.join(cache, other)
        if other == key or not os.path.isdir(folder):
            continue
        if not other.endswith(".partial") and any(is_used(user) for user in glob.glob(os.path.join(folder, "clones", "*"))):
            continue
        shutil.rmtree(folder)


def is_used(user):
    with open(user, encoding="utf-8") as file:
        path = file.read()
    return path != clone and os.path.exists(os.path.join(path, "package.json"))


if not os.path.isdir(place):
    fetch()
users = os.path.join(place, "clones")
os.makedirs(users, exist_ok=True)
with open(os.path.join(users, hashlib.sha256(clone.encode()).hexdigest()[:16]), "w", encoding="utf-8") as file:
    file.write(clone)
clean()
