/** The build: TypeScript in src/ to JavaScript in dist/, when any source is not the one that dist/ was made from. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.mjs";
import { digestOf, readStamp, writeStamp } from "./stamp.mjs";

export function build(root) {
  const sources = join(root, "src");
  const target = join(root, "dist");
  const stamp = join(target, ".stamp.json");
  const digest = () =>
    digestOf([...listFiles(sources, ".ts"), ...["tsconfig.json", "tsconfig.build.json", "package.json"].map((name) => join(root, name))]);
  return {
    name: "build",
    // Without sources this is the published package, which brings its build.
    isDone: () => !existsSync(sources) || readStamp(stamp)?.sources === digest(),
    run() {
      const before = digest();
      runCommand(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.build.json"], {
        cwd: root,
        todo: "The sources do not compile: see the messages above.",
      });
      removeOrphans(sources, target);
      writeStamp(stamp, { sources: before });
      return "compiled";
    },
  };
}

/** Removes output whose source is gone, so that nothing can import it. */
function removeOrphans(sources, target) {
  for (const output of listFiles(target, ".js")) {
    const source = join(sources, output.slice(target.length + 1).replace(/\.js$/, ".ts"));
    if (existsSync(source)) continue;
    rmSync(output);
    rmSync(`${output}.map`, { force: true });
  }
}

function listFiles(folder, ending) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(ending))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => join(folder, name));
}
