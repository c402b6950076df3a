/**
 * The way of the README from text of one's own to a model, to the letter: its very lines, in what a clean clone has, with
 * text where the README says. Only the number of steps is lowered, by its environment variable.
 */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { pageText, shellLines } from "./documented-lines.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const steps = 8;

/** The files that a clone of this tree would have. */
function cleanClone(): string {
  const clone = mkdtempSync(join(tmpdir(), "babelgrad-newcomer-"));
  onTestFinished(() => rmSync(clone, { recursive: true, force: true }));
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" });
  for (const file of listed.split("\0")) {
    if (file === "" || !existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    cpSync(join(root, file), join(clone, file));
  }
  return clone;
}

interface Typed {
  readonly status: number | null;
  readonly output: string;
}

/** Types a line into a shell; `onOutput` gets all that was written so far. */
function type(line: string, folder: string, onOutput: (soFar: string) => void = () => undefined): Promise<Typed> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(BABELGRAD_|npm_|CI$)/.test(name));
  const env = { ...Object.fromEntries(inherited), NO_COLOR: "1", BABELGRAD_STEPS: String(steps) };
  const shell = spawn("sh", ["-c", line], { cwd: folder, env, detached: true });
  onTestFinished(() => {
    try {
      process.kill(-(shell.pid ?? 0), "SIGKILL");
    } catch {
      // It has ended.
    }
  });
  let output = "";
  for (const stream of [shell.stdout, shell.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      onOutput(output);
    });
  return new Promise((resolve) => shell.on("close", (status) => resolve({ status, output })));
}

it("own text in three languages is prepared, trained with two workers, watched and sampled in at most five commands", async () => {
  const [, section = ""] = /^## Your own text\n(.*?)^## /ms.exec(pageText("README.md")) ?? [];
  const [block = ""] = /^```sh\n.*?^```$/ms.exec(section) ?? [];
  const lines = shellLines(block);
  expect(lines.length).toBeGreaterThanOrEqual(3);
  expect(lines.length).toBeLessThanOrEqual(5);
  const clone = cleanClone();
  const folders = [...section.matchAll(/^(texts\/(\w+))\/ /gm)];
  expect(folders.map(([, , language]) => language)).toHaveLength(3);
  for (const [, folder = "", language] of folders) {
    mkdirSync(join(clone, folder), { recursive: true });
    const paragraphs = Array.from({ length: 40 }, (_, i) => `${language} has a paragraph of number ${i}, ${i * i} and ${i ** 3}.`);
    writeFileSync(join(clone, folder, "pages.txt"), paragraphs.join("\n\n"));
  }

  const watched: Promise<string>[] = [];
  const seen: Typed[] = [];
  for (const line of lines) {
    const typed = await type(line, clone, (soFar) => {
      const port = / train /.test(line) ? /http:\/\/127\.0\.0\.1:(\d+)\/metrics|coordinator on port (\d+)/.exec(soFar) : null;
      if (port !== null && watched.length === 0)
        watched.push(fetch(`http://127.0.0.1:${port[1] ?? port[2]}/metrics`).then((answer) => answer.text()));
    });
    expect(typed.status, `${line}\n${typed.output}`).toBe(0);
    seen.push(typed);
  }
  const said = (part: RegExp): string => seen[lines.findIndex((line) => part.test(line))]?.output ?? "";
  expect(said(/ train .*--workers 2/)).toContain(`finished after ${steps} steps`);
  expect(said(/ train /)).toMatch(/going on with w\d, w\d/);
  expect(await watched[0]).toMatch(/^babelgrad_\w+/m);
  expect(said(/ runs( |$)/)).toMatch(new RegExp(`finished .*en fr sw +${steps}/${steps}`));
  expect(said(/ generate /).length).toBeGreaterThan(20);
}, 600_000);
