/**
 * A small checkout to run scripts/setup.mjs in, with the real scripts, compiler, python3 and flock, but an `npm` and a
 * `pip` of our own: they write down how they were called and bring tiny packages and wheels.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("../../", import.meta.url));

export interface Checkout {
  readonly root: string;
  readonly cache: string;
  run(args?: readonly string[], environment?: Readonly<Record<string, string>>): Running;
  /** How npm and pip were called since the last time this was asked, one call a line. */
  calls(): string[];
  /** Hides a program from PATH. */
  hide(program: string): void;
  write(path: string, text: string): void;
}

export interface Running {
  readonly ended: Promise<{ readonly status: number | null; readonly output: string }>;
  /** SIGKILL for the whole process group, as a closed terminal or a batch system would. */
  kill(): void;
}

/** Makes a checkout below a new temporary folder; `cache` may be another checkout's. */
export function makeCheckout(sharedCache?: string): Checkout {
  const base = mkdtempSync(join(tmpdir(), "babelgrad-setup-"));
  const root = join(base, "checkout");
  const bin = join(base, "bin");
  const cache = sharedCache ?? join(base, "cache");
  const log = join(base, "calls");
  for (const folder of [join(root, "src"), bin, cache, join(base, "python", "pip")]) mkdirSync(folder, { recursive: true });
  cpSync(join(project, "scripts"), join(root, "scripts"), { recursive: true });
  for (const name of ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"])
    cpSync(join(project, name), join(root, name));
  writeFileSync(join(root, "src", "greeting.ts"), "export const greeting: string = 'hello';\n");
  writeFileSync(log, "");
  program("npm", npm(root, log));
  program("g++", compiler);
  writeFileSync(join(base, "python", "pip", "__init__.py"), "");
  writeFileSync(join(base, "python", "pip", "__main__.py"), pip(log));
  const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
  symlinkSync(python, join(bin, "python3"));
  symlinkSync(process.execPath, join(bin, "node"));
  symlinkSync("/usr/bin/flock", join(bin, "flock"));
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PIP_|npm_|BABELGRAD_|CXX)/.test(name)));

  function program(name: string, text: string): void {
    writeFileSync(join(bin, name), text);
    chmodSync(join(bin, name), 0o755);
  }

  return {
    root,
    cache,
    run(args = [], environment = {}) {
      const env = { ...inherited, PATH: bin, PYTHONPATH: join(base, "python"), XDG_CACHE_HOME: cache, PROJECT: project, ...environment };
      const child = spawn(process.execPath, [join(root, "scripts", "setup.mjs"), ...args], { cwd: root, env, detached: true });
      let output = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk: Buffer) => {
          output += chunk.toString();
        });
      }
      return {
        ended: new Promise((resolve) => child.on("close", (status) => resolve({ status, output }))),
        kill() {
          if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
        },
      };
    },
    calls() {
      const text = existsSync(log) ? readFileSync(log, "utf8") : "";
      writeFileSync(log, "");
      return text.split("\n").filter((line) => line !== "");
    },
    hide: (name) => rmSync(join(bin, name)),
    write(path, text) {
      appendFileSync(join(root, path), text);
    },
  };
}

/** Brings the packages that set-up touches; TypeScript and headers are the real ones. */
function npm(root: string, log: string): string {
  return `#!/bin/sh
/bin/echo "npm $*" >> '${log}'
/bin/rm -rf '${root}/node_modules'
/bin/mkdir -p '${root}/node_modules/@tensorflow/tfjs-node-gpu/binding' '${root}/node_modules/@types'
/bin/ln -s "$PROJECT/node_modules/typescript" "$PROJECT/node_modules/node-api-headers" '${root}/node_modules/'
/bin/ln -s "$PROJECT/node_modules/@types/node" "$PROJECT/node_modules/undici-types" '${root}/node_modules/@types/'
/bin/cat > '${root}/node_modules/@tensorflow/tfjs-node-gpu/binding/addon.cc' <<'C'
#include <node_api.h>
NAPI_MODULE_INIT() {
  napi_value version;
  napi_create_string_utf8(env, "0.0.1", NAPI_AUTO_LENGTH, &version);
  napi_set_named_property(env, exports, "TF_Version", version);
  return exports;
}
C
`;
}

/** The real compiler, without the libraries that the wheels of this test do not have. */
const compiler = `#!/bin/sh
for word in "$@"; do
  case "$word" in -l:*) ;; *) set -- "$@" "$word" ;; esac
  shift
done
PATH=/usr/bin:/bin exec g++ "$@"
`;

/** Writes the wheel named in the requirements, unless an earlier run left it; with HANG it then waits to be killed. */
function pip(log: string): string {
  return `
import os, sys, time, zipfile
args = sys.argv[1:]
if args[0] == "--version":
    sys.exit(0)
dest = args[args.index("--dest") + 1]
wheel = os.path.join(dest, "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl")
found = os.path.exists(wheel)
with open(${JSON.stringify(log)}, "a") as file:
    file.write(f"pip {' '.join(args)} index={os.environ.get('PIP_INDEX_URL')} found={found}\\n")
if not found:
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tensorflow/libtensorflow_cc.so.2", "library")
        archive.writestr("tensorflow/include/tensorflow/c/c_api.h", "")
        archive.writestr("tensorflow/python/not_wanted.py", "")
if "HANG" in os.environ:
    open(os.environ["HANG"], "w").close()
    time.sleep(600)
`;
}
