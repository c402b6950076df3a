/**
 * The house's rules about imports (docs/architecture.md): arrows point down, rooms of one floor do not know each other,
 * and outside io/, tfjs/ and the mains nothing touches the world.
 */

const floors = require("./scripts/floors.cjs");

/** Imports between rooms of one floor that are wanted, and why. */
const marks = [
  { from: "corpus", to: "^src/data/", why: "preparing writes what data reads: shards, manifest, tokenizer" },
  { from: "tasks", to: "^src/(data|engine)/", why: "a task asks a trained model about text" },
  { from: "exchange", to: "^src/wire/", why: "blocks travel in the frames of the wire" },
  { from: "model", to: "^src/config/options", why: "a model is made from the model options", typesOnly: true },
  { from: ".*", to: "^src/(engine/trainer|data/leaf|data/manifest|telemetry/phase)\\.ts$", why: "ports and formats that rooms agree on", typesOnly: true },
];

/** Packages that turn values into bytes or tensors into tensors and touch nothing else: allowed in pure files. */
const purePackages = ["@tensorflow/tfjs-core", "msgpackr", "protobufjs"];

const roomOf = (room) => `^src/${room}/`;
const impure = "/(io|tfjs)/|^src/cli/|/main\\.ts$";

const arrows = floors.flatMap((floor, height) =>
  floor.map((room) => {
    const higher = floors.slice(height + 1).flat();
    const siblings = floor.filter((other) => other !== room);
    const allowed = marks.filter((mark) => new RegExp(`^${mark.from}$`).test(room) && !mark.typesOnly).map((mark) => mark.to);
    const allowedTypes = marks.filter((mark) => new RegExp(`^${mark.from}$`).test(room) && mark.typesOnly).map((mark) => mark.to);
    return [
      {
        name: `arrow-${room}`,
        comment: `src/${room} imports rooms above it or beside it: move what both need down, or hand it in. Wanted exceptions are marks in .dependency-cruiser.cjs.`,
        severity: "error",
        from: { path: roomOf(room) },
        to: {
          path: `^src/(${[...higher, ...siblings].join("|")})/`,
          ...(allowed.length + allowedTypes.length > 0 ? { pathNot: [...allowed, ...allowedTypes].join("|") } : {}),
        },
      },
      ...(allowedTypes.length === 0
        ? []
        : [
            {
              name: `types-${room}`,
              comment: `src/${room} may take only types from there (import type): these files are contracts.`,
              severity: "error",
              from: { path: roomOf(room) },
              to: {
                path: allowedTypes.join("|"),
                pathNot: [roomOf(room), ...allowed, ...floors.slice(0, height).flat().map(roomOf)].join("|"),
                dependencyTypesNot: ["type-only"],
              },
            },
          ]),
    ];
  }),
);

module.exports = {
  forbidden: [
    ...arrows.flat(),
    {
      name: "pure",
      comment: "Outside io/, tfjs/, cli/ and mains nothing imports node: or npm modules: hand the ability in as a port.",
      severity: "error",
      from: { path: "^src/", pathNot: impure },
      to: { pathNot: ["^src/", ...purePackages.map((name) => `node_modules/${name}/`)] },
    },
    {
      name: "pure-transitively",
      comment: "A pure file imports an io/ or tfjs/ file: only mains compose.",
      severity: "error",
      from: { path: "^src/", pathNot: impure },
      to: { path: impure, pathNot: "node_modules/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "tensors",
      comment: "tfjs-core is for model/ (functions of tensors) and engine/; elsewhere tensors are Float32Arrays.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(model|engine)/" },
      to: { path: "node_modules/@tensorflow/" },
    },
    {
      name: "no-cycle",
      comment: "Two files that need each other are one file, or share a third.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "unresolvable",
      comment: "The imported file or package does not exist.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "tests-stay-out",
      comment: "Product code does not import tests or scripts.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|scripts)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
