#!/usr/bin/env node
/**
 * Completes package-lock.json after `npm install` with a registry mirror that lacks some packages for other platforms.
 *
 * npm leaves an optional package that it cannot find out of the lock file, and `npm ci` then refuses the whole file.
 * Here the missing ones are written down with version, system and processor from the package that names them; npm ci
 * skips them on this platform without asking for them.
 */
import { readFileSync, writeFileSync } from "node:fs";

const path = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));

const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const processors = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"];

let added = 0;
for (const parent of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (place in lock.packages) continue;
    const words = name.split(/[/-]/);
    const os = words.filter((word) => systems.includes(word));
    const cpu = words.filter((word) => processors.includes(word));
    if (os.length === 0) throw new Error(`${name} does not name its platform: add it to package-lock.json by hand`);
    lock.packages[place] = { version, cpu, ...(parent.dev ? { dev: true } : {}), license: parent.license, optional: true, os };
    if (words.includes("musl")) lock.packages[place].libc = ["musl"];
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} packages of other platforms added`);
