/** Floors of the house from the bottom up: a room (a folder of src/) imports its own files and lower floors. */
module.exports = [
  ["base"],
  ["model", "step", "config"],
  ["exchange", "engine", "data", "corpus", "checkpoint", "tasks", "telemetry", "wire"],
  ["coordinator", "worker"],
  ["cli"],
];
