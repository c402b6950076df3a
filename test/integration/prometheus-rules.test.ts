/** deploy/prometheus as Prometheus's own checker sees it, and a proof that the rules' tests would see a rule change. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse, stringify } from "yaml";
import { prometheusBinaries } from "./prometheus-binaries.ts";

const folder = fileURLToPath(new URL("../../deploy/prometheus/", import.meta.url));
const binaries = prometheusBinaries();
const promtool = binaries?.promtool ?? "";

interface Rule {
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Rules {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}
interface Tests {
  readonly tests: readonly { readonly name: string; readonly input_series: readonly { readonly series: string }[] }[];
}

const rules = parse(readFileSync(join(folder, "alerts.yml"), "utf8")) as Rules; // promtool has checked its form
const tests = parse(readFileSync(join(folder, "alerts.test.yml"), "utf8")) as Tests; // as above
const alerts = rules.groups.flatMap((group) => group.rules).filter((rule) => rule.alert !== undefined);

describe.skipIf(binaries === undefined)("promtool", () => {
  it.each([
    ["check", "config", "prometheus.yml"],
    ["check", "rules", "alerts.yml"],
    ["test", "rules", "alerts.test.yml"],
  ])("%s %s %s", (...args) => {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: folder, encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
  });
});

describe.each(alerts)("$alert", (rule) => {
  it("says how bad it is, what has happened, where to look and what to do", () => {
    expect(["critical", "warning", "info"]).toContain(rule.labels?.["severity"]);
    expect(rule.annotations?.["summary"]?.length ?? 0).toBeGreaterThan(20);
    expect(rule.annotations?.["description"]?.length ?? 0).toBeGreaterThan(100);
  });

  it("is tested where it fires, where it does not and at its edge", () => {
    const named = tests.tests.filter((one) => isOf(rule, one));
    expect(named).toHaveLength(1);
    for (const coordinator of ["fires", "calm", "edge"])
      expect(
        named[0]?.input_series.some(({ series }) => series.includes(`coordinator="${coordinator}"`)),
        coordinator,
      ).toBe(true);
  });

  it.skipIf(binaries === undefined).each(mutantsOf(rule))("its tests would see $change", ({ mutant }) => {
    const scratch = mkdtempSync(join(tmpdir(), "babelgrad-rules-"));
    onTestFinished(() => rmSync(scratch, { recursive: true }));
    const groups = rules.groups.map((group) => ({ ...group, rules: group.rules.map((one) => (one === rule ? mutant : one)) }));
    writeFileSync(join(scratch, "alerts.yml"), stringify({ groups }));
    writeFileSync(join(scratch, "alerts.test.yml"), stringify({ ...tests, tests: tests.tests.filter((one) => isOf(rule, one)) }));
    const { status, stderr } = spawnSync(promtool, ["test", "rules", "alerts.test.yml"], { cwd: scratch, encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toContain(`ALERTS{alertname=\\"${rule.alert}\\"`); // it fails by what fires, not by the rule's syntax
  });
});

function isOf({ alert }: Rule, { name }: { readonly name: string }): boolean {
  return name.startsWith(`${alert};`);
}

/** The rule two minutes later, and with each comparison including its threshold. */
function mutantsOf(rule: Rule): readonly { readonly change: string; readonly mutant: Rule }[] {
  const minutes = Number(/^(\d+)m$/.exec(rule.for ?? "0m")?.[1]);
  const comparisons = [...rule.expr.matchAll(/[<>] /g)].map(({ index }) => ({
    change: `${rule.expr.slice(index, index + 20).trim()}… with its threshold`,
    mutant: { ...rule, expr: `${rule.expr.slice(0, index + 1)}=${rule.expr.slice(index + 1)}` },
  }));
  return [{ change: "two more minutes of patience", mutant: { ...rule, for: `${minutes + 2}m` } }, ...comparisons];
}
