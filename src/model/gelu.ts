/**
 * GELU in GPT-2's form, with tanh (Hendrycks and Gimpel, 2016). The backward pass keeps x alone; it goes by the
 * sigmoid, which is the same function written otherwise, so that nothing of the forward pass stays in memory.
 */
import { add, customGrad, mul, sigmoid, square, sub, type Tensor, tanh } from "@tensorflow/tfjs-core";

const root = Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

/** ½x (1 + tanh(√(2/π) (x + 0.044715 x³))) */
export function gelu<T extends Tensor>(x: T): T {
  return customGrad((...inputs) => {
    // tfjs appends the save function to the tensors that it was called with.
    const [x, save] = inputs as unknown as [Tensor, (tensors: Tensor[]) => void];
    save([x]);
    const inner = mul(x, add(mul(square(x), root * cubic), root));
    return {
      value: mul(mul(x, 0.5), add(tanh(inner), 1)),
      gradFunc: (slope: Tensor, saved: Tensor[]) => backward(slope, saved as [Tensor]),
    };
  })(x) as T;
}

/** With u = 2√(2/π) (x + 0.044715 x³) and s = σ(u): GELU = x s, its slope s + x s (1 − s) u′. */
function backward(slope: Tensor, [x]: [Tensor]): Tensor[] {
  const xx = square(x);
  const share = sigmoid(mul(x, add(mul(xx, 2 * root * cubic), 2 * root)));
  const climb = mul(x, add(mul(xx, 6 * root * cubic), 2 * root));
  return [mul(slope, mul(share, add(mul(climb, sub(1, share)), 1)))];
}
