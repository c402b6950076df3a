/** deploy/: what its files promise, checked by the ecosystem's own checkers where there is one. No engine runs them here. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { deployCheckers } from "./deploy-checkers.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const deploy = join(root, "deploy");
const checkers = deployCheckers();

interface Service {
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly image: string;
  readonly healthcheck?: unknown;
  readonly ports?: readonly string[];
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const dockerfile = readFileSync(join(deploy, "Dockerfile"), "utf8");
const compose = parse(readFileSync(join(deploy, "compose.yaml"), "utf8"), { merge: true }) as Compose; // the schema test checks its form

function run(command: readonly string[], args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const [program = "", ...before] = command;
  const { status, stdout, stderr } = spawnSync(program, [...before, ...args], { cwd: root, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

/** A file of the test's own. */
function scratch(name: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "babelgrad-deploy-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

describe.skipIf(checkers === undefined)("hadolint", () => {
  const hadolint = [checkers?.hadolint ?? ""];

  it("finds nothing in the Dockerfile", () => {
    expect(run(hadolint, ["deploy/Dockerfile"])).toEqual({ status: 0, output: "" });
  });

  it("finds a Dockerfile whose last user is root", () => {
    const { status, output } = run(hadolint, [scratch("Dockerfile", dockerfile.replace("USER 1000:1000", "USER root"))]);
    expect(status).toBe(1);
    expect(output).toContain("DL3002");
  });
});

describe.skipIf(checkers === undefined)("the schema of compose files", () => {
  const check = [...(checkers?.checkSchema ?? []), "--builtin-schema", "vendor.compose-spec"];

  it.each(["compose.yaml", "compose.cuda.yaml"])("accepts %s", (name) => {
    const { status, output } = run(check, [join("deploy", name)]);
    expect(status, output).toBe(0);
  });

  it("refuses a misspelt key", () => {
    const text = readFileSync(join(deploy, "compose.yaml"), "utf8").replace("depends_on:", "depend_on:");
    expect(run(check, [scratch("compose.yaml", text)]).output).toContain("depend_on");
  });
});

describe("the Dockerfile", () => {
  it("copies files that exist and that .dockerignore lets in", () => {
    const allowed = readFileSync(join(root, ".dockerignore"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("!"));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names = ""]) => names.split(" "));
    expect(copied.length).toBeGreaterThan(5);
    for (const name of copied) {
      expect(existsSync(join(root, name)), name).toBe(true);
      expect(allowed).toContain(`!${name}`);
    }
  });

  it("has a stage for the CPU and one for CUDA, without root and with a health check", () => {
    expect(dockerfile).toMatch(/^FROM base AS cuda$/m);
    expect(dockerfile).toMatch(/^FROM base AS cpu$/m);
    const base = dockerfile.slice(dockerfile.indexOf(" AS base"));
    expect(base).toContain("\nUSER 1000:1000\n");
    expect(base).toContain("\nHEALTHCHECK ");
  });
});

describe("compose.yaml", () => {
  it("has one image for coordinator and workers, and volumes that it declares or files that exist", () => {
    const { coordinator, worker } = compose.services;
    expect(coordinator?.image).toBe(worker?.image);
    for (const { volumes = [] } of Object.values(compose.services))
      for (const volume of volumes) {
        const [source = ""] = volume.split(":");
        expect(source.startsWith(".") ? existsSync(join(deploy, source)) : source in compose.volumes, volume).toBe(true);
      }
  });

  it("opens ports to this machine alone, and they are those that Prometheus and Grafana ask at", () => {
    for (const { ports = [] } of Object.values(compose.services)) for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    const port = /--set=net\.port=(\d+)/.exec(compose.services["coordinator"]?.command?.join(" ") ?? "")?.[1];
    expect(readFileSync(join(deploy, "prometheus/prometheus.yml"), "utf8")).toContain(`http://coordinator:${port}/sd`);
    expect(compose.services["worker"]?.command).toContain(`--join=ws://coordinator:${port}`);
    expect(readFileSync(join(deploy, "grafana/provisioning/datasources/prometheus.yaml"), "utf8")).toContain("http://prometheus:9090");
  });

  it("workers read the token in the coordinator's run directory", () => {
    const out = compose.services["coordinator"]?.command?.find((flag) => flag.startsWith("--out="))?.slice("--out=".length);
    expect(compose.services["worker"]?.command).toContain(`--token-file=${out}/token`);
    expect(compose.services["worker"]?.volumes).toContain("runs:/home/node/runs:ro");
  });
});

describe("healthcheck.mjs", () => {
  const healthcheck = [process.execPath, join(deploy, "healthcheck.mjs")];

  /** A process that answers `status` on a free port, once it listens. */
  async function listener(status: number): Promise<number> {
    const code = `require("http").createServer((q, r) => r.writeHead(${status}).end()).listen(0, "0.0.0.0", () => console.log("listens"))`;
    const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(createInterface({ input: child.stdout }), "line");
    return child.pid ?? 0;
  }

  it("finds the port of a process that is healthy", async () => {
    expect(run(healthcheck, [String(await listener(200))])).toEqual({ status: 0, output: "" });
  });

  it("fails where /healthz says 503", async () => {
    const { status, output } = run(healthcheck, [String(await listener(503))]);
    expect(status).toBe(1);
    expect(output).toContain("does not answer 200");
  });

  it("fails where nothing listens yet, and where there is no such process", () => {
    const silent = spawn(process.execPath, ["-e", "setInterval(() => undefined, 1000)"], { stdio: "ignore" });
    onTestFinished(() => void silent.kill("SIGKILL"));
    for (const pid of [String(silent.pid), "4194999"]) {
      const { status, output } = run(healthcheck, [pid]);
      expect(status).toBe(1);
      expect(output).toContain("does not listen yet");
    }
  });
});
