// Lets a child process of a test run the TypeScript sources as they are: node --import ./test/typescript-loader.mjs file.ts
import { readFile } from "node:fs/promises";
import { register } from "node:module";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";

// Node loads this module a second time, in the thread that has the hooks.
if (isMainThread) register(import.meta.url);

export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const { default: typescript } = await import("typescript");
  const { ESNext } = typescript.ModuleKind;
  const text = await readFile(fileURLToPath(url), "utf8");
  const compilerOptions = { module: ESNext, target: typescript.ScriptTarget.ES2023, verbatimModuleSyntax: true };
  return { format: "module", shortCircuit: true, source: typescript.transpileModule(text, { compilerOptions }).outputText };
}
