/**
 * Layer norm (Ba, Kiros and Hinton, 2016) with a backward pass that keeps x and two numbers a row and computes the
 * rest again. It writes the normalised value otherwise than the forward pass does: equal expressions would be merged
 * by TensorFlow's optimizer, and the value kept in memory after all.
 */
import { add, customGrad, mean, mul, neg, rsqrt, square, sub, sum, type Tensor, type Tensor1D, type Tensor2D } from "@tensorflow/tfjs-core";

const epsilon = 1e-5;

/** Each row to mean 0 and variance 1, times the gain, plus the bias. */
export function layerNorm(x_ND: Tensor2D, gain_D: Tensor1D, bias_D: Tensor1D | undefined): Tensor2D {
  const normalised = customGrad((...inputs) => {
    // tfjs appends the save function to the tensors that it was called with.
    const [x, gain, save] = inputs as unknown as [Tensor2D, Tensor1D, (tensors: Tensor[]) => void];
    const mean_N1 = mean(x, 1, true);
    const centred_ND = sub(x, mean_N1);
    const scale_N1 = rsqrt(add(mean(square(centred_ND), 1, true), epsilon));
    save([x, gain, mean_N1, scale_N1]);
    return {
      value: mul(mul(centred_ND, scale_N1), gain),
      gradFunc: (slope_ND: Tensor, saved: Tensor[]) => backward(slope_ND as Tensor2D, saved as [Tensor2D, Tensor1D, Tensor2D, Tensor2D]),
    };
  })(x_ND, gain_D) as Tensor2D;
  return bias_D === undefined ? normalised : add(normalised, bias_D);
}

function backward(slope_ND: Tensor2D, [x_ND, gain_D, mean_N1, scale_N1]: [Tensor2D, Tensor1D, Tensor2D, Tensor2D]): Tensor[] {
  const value_ND = add(mul(x_ND, scale_N1), neg(mul(mean_N1, scale_N1)));
  const inner_ND = mul(slope_ND, gain_D);
  const along_N1 = mean(mul(inner_ND, value_ND), 1, true);
  const slopeX_ND = mul(sub(sub(inner_ND, mean(inner_ND, 1, true)), mul(value_ND, along_N1)), scale_N1);
  return [slopeX_ND, sum(mul(slope_ND, value_ND), 0)];
}
