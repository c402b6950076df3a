// The peer: one GPT training step as every TensorFlow.js trainer does it, eagerly, with tfjs's own optimizer.
//   node bench/eager-step.mjs LAYERS HEADS WIDTH CONTEXT BATCH VOCABULARY
// Prints `ready`; then for each line `N` on standard input one line: the milliseconds of N steps, as JSON.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import util from "node:util";

util.isNullOrUndefined ??= (x) => x === null || x === undefined;
util.isArray ??= Array.isArray;
const tf = createRequire(import.meta.url)("@tensorflow/tfjs-node-gpu");
const [L, H, D, C, S, V] = process.argv.slice(2).map(Number);

const normal = (shape) => tf.variable(tf.randomNormal(shape, 0, 0.02));
const linear = (from, to) => ({ weight: normal([from, to]), bias: tf.variable(tf.zeros([to])) });
const norm = () => ({ gain: tf.variable(tf.ones([D])), bias: tf.variable(tf.zeros([D])) });
const model = {
  token: normal([V, D]),
  position: normal([C, D]),
  layers: Array.from({ length: L }, () => ({
    norm1: norm(),
    qkv: linear(D, 3 * D),
    mix: linear(D, D),
    norm2: norm(),
    up: linear(D, 4 * D),
    down: linear(4 * D, D),
  })),
  norm: norm(),
};
const mask = tf.linalg.bandPart(tf.ones([C, C]), -1, 0).sub(1).mul(1e9);

function layerNorm(x, { gain, bias }) {
  const { mean, variance } = tf.moments(x, -1, true);
  return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(gain).add(bias);
}
const dense = (x, { weight, bias }) => tf.matMul(x, weight).add(bias);
const gelu = (x) => x.mul(0.5).mul(tf.tanh(x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI))).add(1));

function loss(x, y) {
  let h = tf.gather(model.token, x.reshape([-1])).reshape([S, C, D]).add(model.position).reshape([S * C, D]);
  for (const layer of model.layers) {
    const joined = dense(layerNorm(h, layer.norm1), layer.qkv).reshape([S, C, 3, H, D / H]).transpose([2, 0, 3, 1, 4]);
    const [q, k, v] = tf.unstack(joined);
    const shares = tf.softmax(tf.matMul(q, k, false, true).mul(1 / Math.sqrt(D / H)).add(mask));
    const mixed = tf.matMul(shares, v).transpose([0, 2, 1, 3]).reshape([S * C, D]);
    h = h.add(dense(mixed, layer.mix));
    h = h.add(dense(gelu(dense(layerNorm(h, layer.norm2), layer.up)), layer.down));
  }
  const logits = tf.matMul(layerNorm(h, model.norm), model.token, false, true);
  return tf.losses.softmaxCrossEntropy(tf.oneHot(y.reshape([-1]), V), logits);
}

const optimizer = tf.train.adam(1e-3);
const tokens = () => tf.tensor(Int32Array.from({ length: S * C }, () => Math.floor(Math.random() * V)), [S, C], "int32");
const step = () =>
  tf.tidy(() => {
    const [x, y] = [tokens(), tokens()];
    return optimizer.minimize(() => loss(x, y), true).dataSync()[0];
  });

for (let i = 0; i < 3; i++) step();
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const times = [];
  for (let i = 0; i < Number(line); i++) {
    const started = performance.now();
    step();
    times.push(performance.now() - started);
  }
  console.log(JSON.stringify(times));
}
