/** How many floating-point operations a second a device reaches in matrix products: what a model's leaf is compared with. */

/** A product that takes so long is large enough; the next one would take 8 times as long. */
const longEnoughMs = 5;
const sides = [512, 1024, 2048, 4096, 8192] as const;
const timings = 3;

/**
 * The best of a few square float32 products, larger ones until one takes long enough. `timeProduct` carries out one of
 * side × side and says how many milliseconds it took. Takes about 0.1 s.
 */
export function matrixPeak(timeProduct: (side: number) => number): number {
  let peak = 0;
  for (const side of sides) {
    timeProduct(side); // the first one loads kernels and memory
    const ms = Math.min(...Array.from({ length: timings }, () => timeProduct(side)));
    peak = Math.max(peak, (2 * side ** 3) / (ms / 1000));
    if (ms > longEnoughMs) break;
  }
  return peak;
}
