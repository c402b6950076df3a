/** Python packages that only tests need: a virtual environment .venv from test/requirements.txt, when there is one. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.mjs";
import { digestOf, readStamp, writeStamp } from "./stamp.mjs";

export function python(root) {
  const requirements = join(root, "test", "requirements.txt");
  const folder = join(root, ".venv");
  const stamp = join(folder, "babelgrad-stamp.json");
  const todo = "Tests compare with these Python packages; python3 with venv and pip is needed to install them.";
  return {
    name: "python",
    isDone: () => !existsSync(requirements) || readStamp(stamp)?.requirements === digestOf([requirements]),
    run() {
      runCommand("python3", ["-m", "venv", "--clear", folder], { cwd: root, todo });
      runCommand(join(folder, "bin", "python"), ["-m", "pip", "install", "--quiet", "-r", requirements], { cwd: root, todo });
      writeStamp(stamp, { requirements: digestOf([requirements]) });
      return "test packages installed";
    },
  };
}
