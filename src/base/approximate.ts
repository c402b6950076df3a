/**
 * exp, log, cosine and power from + − × ÷ and √ alone. The last bit of Math.exp, Math.log, Math.cos and Math.pow
 * differs between JavaScript engines; these give the same float64 everywhere, so that a learning rate or an initial
 * weight computed on one machine equals that of another. Accurate to about 1e-15 relative in the ranges we use.
 */

const ln2 = Math.LN2;

/** e^x for |x| ≤ 700. Range reduction by ln 2, then Taylor to degree 18 on |r| ≤ ln2 / 2. */
export function exp(x: number): number {
  const k = Math.round(x / ln2);
  const r = x - k * ln2;
  let sum = 1;
  for (let n = 18; n >= 1; n--) sum = 1 + (r / n) * sum;
  return sum * powerOfTwo(k);
}

/** Natural logarithm of x > 0. x = m · 2^k with m in [√½, √2), then the series of atanh. */
export function log(x: number): number {
  let m = x;
  let k = 0;
  while (m >= Math.SQRT2) {
    m /= 2;
    k++;
  }
  while (m < Math.SQRT1_2) {
    m *= 2;
    k--;
  }
  const z = (m - 1) / (m + 1);
  const zz = z * z;
  let sum = 0;
  for (let n = 41; n >= 1; n -= 2) sum = sum * zz + 1 / n;
  return 2 * z * sum + k * ln2;
}

/** cos(x) for |x| ≤ 1e6. Reduced to |r| ≤ π/4 by quarter turns. */
export function cos(x: number): number {
  const quarter = Math.round(x / (Math.PI / 2));
  const r = x - quarter * (Math.PI / 2);
  const turn = ((quarter % 4) + 4) % 4;
  return turn === 0 ? cosSeries(r) : turn === 1 ? -sinSeries(r) : turn === 2 ? -cosSeries(r) : sinSeries(r);
}

/** base^exponent for a whole exponent ≥ 0, by repeated squaring. */
export function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let n = exponent; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

function cosSeries(r: number): number {
  const rr = r * r;
  let sum = 1;
  for (let n = 20; n >= 2; n -= 2) sum = 1 - (rr / (n * (n - 1))) * sum;
  return sum;
}

function sinSeries(r: number): number {
  const rr = r * r;
  let sum = 1;
  for (let n = 21; n >= 3; n -= 2) sum = 1 - (rr / (n * (n - 1))) * sum;
  return r * sum;
}

function powerOfTwo(k: number): number {
  return k >= 0 ? power(2, k) : 1 / power(2, -k);
}
