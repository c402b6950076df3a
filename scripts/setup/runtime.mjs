/**
 * The TensorFlow runtime: tfjs-node-gpu's addon, compiled here against the libraries inside TensorFlow's Python wheel. Where
 * that cannot be, tfjs's WebAssembly backend computes, which npm has brought already.
 *
 * No prebuilt addon exists for this TensorFlow, and the addon is small, so the user's compiler makes it. Libraries
 * (0.8 GB) and addon lie in a per-user cache shared between clones; a clone holds a copy of the addon, which finds the
 * libraries by their absolute path, and a stamp that says which runtime it has.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { bringAddonPackage } from "./addon-package.mjs";
import { isInstalled, runCommand, SetupError } from "./command.mjs";
import { digestOf, readStamp, writeStamp } from "./stamp.mjs";

export const runtimeChoices = ["auto", "cpu", "cuda", "wasm"];

/** @returns {{asked: string, flavour: "cpu" | "cuda" | "wasm", key: string, library: string, why: string} | undefined} */
export function readRuntimeStamp(root) {
  return readStamp(placesOf(root).stamp);
}

export function runtime(root, asked) {
  const places = placesOf(root);
  return {
    name: "runtime",
    isDone() {
      const stamp = readRuntimeStamp(root);
      if (stamp?.asked !== asked) return false;
      const { flavour, why } = decide(root, asked);
      if (flavour !== stamp.flavour || why !== stamp.why) return false;
      return flavour === "wasm" || (stamp.key === keyOf(root, flavour) && existsSync(places.addon) && existsSync(stamp.library));
    },
    run() {
      bringAddonPackage(root, places.package);
      const { flavour, why } = decide(root, asked);
      if (flavour === "wasm") {
        if (asked !== "auto" && asked !== "wasm") throw new SetupError(`--runtime ${asked}: ${why}`);
        writeStamp(places.stamp, { asked, flavour, key: "", library: "", why });
        return `WebAssembly, slower than native TensorFlow: ${why}`;
      }
      const key = keyOf(root, flavour);
      fetchLibraries(root, key, flavour);
      const library = join(cacheFolder(), key, "tensorflow");
      compileAddon(root, places, library);
      const version = loadAddon(places.addon);
      writeStamp(places.stamp, { asked, flavour, key, library, why });
      return `TensorFlow ${version} for ${flavour === "cuda" ? "CUDA" : "the CPU"}`;
    },
  };
}

function placesOf(root) {
  const folder = join(root, "node_modules", "@tensorflow", "tfjs-node-gpu");
  return {
    package: folder,
    addon: join(folder, "lib", "napi-v8", "tfjs_binding.node"),
    stamp: join(folder, "lib", "napi-v8", "babelgrad-runtime.json"),
  };
}

/** Which runtime this machine gets, and when it is not a native one, what is missing. */
function decide(root, asked) {
  if (asked === "wasm") return { flavour: "wasm", why: "--runtime wasm was asked for" };
  const why = missing();
  if (why !== undefined) return { flavour: "wasm", why };
  const flavour = asked === "auto" ? (hasNvidiaDriver() ? "cuda" : "cpu") : asked;
  // Only a runtime that must still be fetched needs pip, and asking for pip takes a third of a second.
  if (!existsSync(join(cacheFolder(), keyOf(root, flavour))) && spawnSync("python3", ["-m", "pip", "--version"]).status !== 0) {
    return { flavour: "wasm", why: "python3 has no pip, which fetches TensorFlow: install python3-pip" };
  }
  return { flavour, why: "" };
}

function missing() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return `TensorFlow comes for Linux on x64, this is ${process.platform} on ${process.arch}`;
  }
  if (!existsSync("/lib64/ld-linux-x86-64.so.2")) return "TensorFlow needs glibc, which this Linux does not have";
  if (!isInstalled("python3")) return "python3 is missing, whose pip fetches TensorFlow: install python3 and python3-pip";
  if (!isInstalled(compiler())) return `the C++ compiler ${compiler()} is missing: install g++, or set CXX`;
  return undefined;
}

function cacheFolder() {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "babelgrad", "runtime");
}

function compiler() {
  return process.env["CXX"] || "g++";
}

function hasNvidiaDriver() {
  if (existsSync("/proc/driver/nvidia/version")) return true;
  return isInstalled("nvidia-smi") && spawnSync("nvidia-smi", ["-L"]).status === 0;
}

/** The runtime's name in the cache, made from the file that pins it: any change there is another runtime. */
function keyOf(root, flavour) {
  const pins = readFileSync(join(root, "scripts", "setup", `runtime-${flavour}.txt`), "utf8");
  return `${flavour}-${/^tensorflow\S*==(\S+)/m.exec(pins)?.[1]}-${digestOf([], [pins]).slice(0, 8)}`;
}

function fetchLibraries(root, key, flavour) {
  const cache = cacheFolder();
  mkdirSync(cache, { recursive: true });
  if (!existsSync(join(cache, key))) {
    console.log(
      `runtime   fetching TensorFlow for ${flavour === "cuda" ? "CUDA (3 GB)" : "the CPU (0.3 GB)"} with pip, once for all clones`,
    );
  }
  const recipe = join(root, "scripts", "setup");
  const fetch = ["python3", join(recipe, "fetch.py"), cache, key, join(recipe, `runtime-${flavour}.txt`), root];
  const [command, ...args] = isInstalled("flock") ? ["flock", join(cache, "lock"), ...fetch] : fetch;
  runCommand(command, args, {
    cwd: root,
    todo:
      "TensorFlow could not be fetched: see pip's message above; `python3 -m pip config list` shows mirrors and proxies." +
      (flavour === "cuda" ? " `--runtime cpu` goes on without the GPU." : ""),
  });
}

/** Puts the addon into the clone: out of the cache, or compiled and then put into the cache for other clones. */
function compileAddon(root, places, library) {
  const binding = join(places.package, "binding");
  const sources = readdirSync(binding).map((name) => join(binding, name));
  const args = ["-std=c++17", "-O2", "-fPIC", "-shared", "-DNAPI_VERSION=8", "-DNODE_GYP_MODULE_NAME=tfjs_binding"];
  const cached = join(
    library,
    "..",
    `addon-${digestOf([], [compiler(), ...args, ...sources.map((source) => readFileSync(source, "utf8"))])}.node`,
  );
  const fresh = `${places.addon}.new`;
  mkdirSync(dirname(fresh), { recursive: true });
  if (existsSync(cached)) {
    copyFileSync(cached, fresh);
  } else {
    // Inside a user's project npm puts this package's dependencies beside it.
    const nodeApi = dirname(createRequire(join(root, "package.json")).resolve("node-api-headers/package.json"));
    const headers = [join(nodeApi, "include"), join(library, "include"), places.package];
    args.push(...headers.flatMap((folder) => ["-I", folder]), ...sources.filter((source) => source.endsWith(".cc")), "-o", fresh);
    args.push("-L", library, "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2", "-Xlinker", "-rpath", "-Xlinker", library);
    runCommand(compiler(), args, { cwd: root, todo: "The TensorFlow addon does not compile: C++17 is needed (g++ 8 or newer)." });
    copyFileSync(fresh, `${cached}.${process.pid}`);
    renameSync(`${cached}.${process.pid}`, cached);
  }
  renameSync(fresh, places.addon);
}

/** TensorFlow's version, asked from the addon in a process of its own. */
function loadAddon(addon) {
  const script = "const m = { exports: {} }; process.dlopen(m, process.argv[1]); console.log(m.exports.TF_Version)";
  return runCommand(process.execPath, ["-e", script, addon], { todo: "TensorFlow does not load: glibc 2.27 or newer is needed." }).trim();
}
